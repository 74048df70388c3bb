// Package storagetest is what every engine of package storage has to pass.
//
// It owns the meaning of the exported methods of [storage.Store]: what they
// return, which errors they document, and what holds when many call them at once
// from several nodes. It refuses to know any engine: files, locks and SQL are
// tested beside the engine that has them.
package storagetest

import (
	"testing"

	"github.com/usher-oauth/usher/storage"
)

// Database is one database that no other test uses.
type Database interface {
	// Open opens another store on the database, as another node would, bringing
	// the schema up to date, and closes it when the test ends.
	Open(testing.TB, storage.Options) *storage.Store
}

// Run runs the suite. It calls newDatabase for each test, several at a time, and
// expects an empty database of its own each time.
func Run(t *testing.T, newDatabase func(testing.TB) Database) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"users", userTests()},
		{"user sessions", userSessionTests()},
		{"import", importTests()},
		{"clients", clientTests()},
		{"client sessions", clientSessionTests()},
		{"grants", grantTests()},
		{"rotation", rotationTests()},
		{"revocations", revocationTests()},
		{"feed", feedTests()},
		{"directory", directoryTests()},
		{"signing keys", keyTests()},
		{"audiences", audienceTests()},
		{"changes", changeTests()},
		{"pages", pageTests()},
		{"prune", pruneTests()},
		{"throttle", throttleTests()},
		{"life of a store", lifeTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					tt.run(t, newDatabase(t))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*testing.T, Database)
}
