package storage_test

import (
	"path/filepath"
	"testing"

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
