package storage_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t testing.TB) storagetest.Database {
		return sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
	})
}

// sqliteFile is an embedded database.
type sqliteFile string

func (f sqliteFile) Open(t testing.TB, o storage.Options) *storage.Store {
	t.Helper()
	s, err := storage.Open(t.Context(), "sqlite:"+string(f), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestNothingChangedWhereNothingWasWritten(t *testing.T) {
	t.Parallel()
	file := sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
	s, other := file.Open(t, storage.Options{Migrate: true}), file.Open(t, storage.Options{})
	write := func(s *storage.Store) func() error {
		return func() error { return s.RevokeToken(t.Context(), "jti", time.Now()) }
	}
	for _, step := range []struct {
		after string
		do    func() error
		want  bool
	}{
		{"opening", func() error { return nil }, true},
		{"nothing", func() error { return nil }, false},
		{"its own write", write(s), true},
		{"nothing again", func() error { return nil }, false},
		{"another's write", write(other), true},
		{"a read", func() error { _, err := other.Users(t.Context()); return err }, false},
		{"a write that changes nothing", func() error { return s.RenewPassword(t.Context(), "nobody", "", "", 0) }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		got, err := s.Changed(t.Context())
		if err != nil || got != step.want {
			t.Errorf("after %s: got %t, %v; want %t", step.after, got, err, step.want)
		}
	}
}
