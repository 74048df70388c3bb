package storage_test

import (
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t testing.TB) storagetest.Database { return postgresSchema(postgrestest.Schema(t)) })
}

// postgresSchema is a schema on a database server.
type postgresSchema string

func (s postgresSchema) Open(t testing.TB, o storage.Options) *storage.Store {
	t.Helper()
	store, err := storage.Open(t.Context(), string(s), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return store
}
