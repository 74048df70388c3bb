package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func TestAnEmbeddedDatabaseIsReadableByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	file := filepath.Join(t.TempDir(), "usher.db")
	s := sqliteFile(file).Open(t, storage.Options{Migrate: true})
	if err := s.CreateUser(t.Context(), storage.User{Username: "ann"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: got mode %o, want 600", filepath.Base(name), got)
		}
	}
}

func TestADatabaseIsTheFileThatWasNamed(t *testing.T) {
	for _, name := range []string{
		"usher.db", "with space.db", "what?.db", "a#b.db", "100%.db", "%41.db", "a&mode=memory.db", "it's \"quoted\".db", "ü山🦉.db", "a:b.db", ":memory:", "file:x", "-x",
	} {
		for _, how := range []string{"sqlite:", "sqlite://"} {
			t.Run(how+name, func(t *testing.T) {
				dir := t.TempDir()
				for _, path := range []string{filepath.Join(dir, name), name} { // absolute, and where we are
					t.Chdir(dir)
					s, err := storage.Open(t.Context(), how+path, storage.Options{Migrate: true})
					if err != nil {
						t.Fatal(err)
					}
					if err := s.CreateUser(t.Context(), storage.User{Username: path}); err != nil {
						t.Error(err)
					}
					if got := s.Path(); got != path {
						t.Errorf("got path %q, want %q", got, path)
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				if len(entries) != 1 || entries[0].Name() != name {
					t.Errorf("got files %v, want %q alone", entries, name)
				}
				s := sqliteFile(filepath.Join(dir, name)).Open(t, storage.Options{})
				users, err := s.Users(t.Context())
				if err != nil || len(users) != 2 {
					t.Errorf("got users %v, %v; want two, one by each path", users, err)
				}
			})
		}
	}
}

func TestADatabaseThatCannotBeOpenedSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("This is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, url, want string }{
		{"nothing named", "", "sqlite:PATH"},
		{"a bare path", "usher.db", "sqlite:PATH"},
		{"no path", "sqlite:", "sqlite:PATH"},
		{"another engine", "mysql:usher", `unknown engine "mysql"`},
		{"a missing folder", "sqlite:" + filepath.Join(dir, "no", "usher.db"), filepath.Join(dir, "no") + " does not exist: make it first"},
		{"a folder", "sqlite:" + dir, "is a directory"},
		{"some other file", "sqlite:" + text, "file is not a database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := storage.Open(t.Context(), tt.url, storage.Options{Migrate: true})
			if err == nil {
				t.Fatalf("got no error, want one that says %q", errors.Join(s.Close(), errors.New(tt.want)))
			}
			// Of a server only the engine: its URL may hold a password.
			shown := tt.url
			if engine, _, _ := strings.Cut(tt.url, ":"); engine != "sqlite" {
				shown = engine
			}
			if !strings.HasPrefix(err.Error(), "opening database "+shown+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %q, want one of opening %s that says %q", err, shown, tt.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "no")); err == nil {
		t.Error("got the missing folder made, want it left alone")
	}
}

func TestADatabaseOfAnotherProgramIsNotMigrated(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "other.db")
	inFile(t, file, `CREATE TABLE users (name TEXT)`, `INSERT INTO users VALUES ('ann')`)
	_, err := storage.Open(t.Context(), "sqlite:"+file, storage.Options{Migrate: true})
	if err == nil || !strings.Contains(err.Error(), "migrating the schema: ") || !strings.Contains(err.Error(), "table users already exists") {
		t.Errorf("got error %v, want one that says the table users exists", err)
	}
	inFile(t, file, `UPDATE users SET name = 'bob'`) // still as it was
}

func TestADatabaseIsNotOpenedForACallerWhoLeft(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, migrate := range []bool{false, true} {
		_, err := storage.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), storage.Options{Migrate: migrate})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("migrate %t: got error %v, want %v", migrate, err, context.Canceled)
		}
	}
}

func TestAReadOnlyDatabaseIsRefusedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write any file")
	}
	file := filepath.Join(t.TempDir(), "usher.db")
	if err := sqliteFile(file).Open(t, storage.Options{Migrate: true}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := storage.Open(t.Context(), "sqlite:"+file, storage.Options{})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("got error %v, want %v", err, os.ErrPermission)
	}
}

func TestADatabaseThatWasNeverMigratedIsRefused(t *testing.T) {
	t.Parallel()
	file := sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
	for range 2 { // to be refused is not to migrate
		_, err := storage.Open(t.Context(), "sqlite:"+string(file), storage.Options{})
		if !errors.Is(err, storage.ErrSchema) {
			t.Errorf("got error %v, want %v", err, storage.ErrSchema)
		}
		if _, err := os.Stat(string(file) + "-wal"); err == nil {
			t.Error("got the write-ahead log left there, want every connection closed")
		}
	}
	file.Open(t, storage.Options{Migrate: true})
	file.Open(t, storage.Options{})
}

func TestManyMayOpenANewDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "usher.db")
	start := make(chan struct{})
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			s, err := storage.Open(t.Context(), "sqlite:"+file, storage.Options{Migrate: true})
			if err != nil {
				errs[i] = err
				return
			}
			err = s.CreateUser(t.Context(), storage.User{Username: fmt.Sprint("user-", i)})
			errs[i] = errors.Join(err, s.Close())
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("opening %d: %v", i, err)
		}
	}
	users, err := sqliteFile(file).Open(t, storage.Options{}).Users(t.Context())
	if err != nil || len(users) != len(errs) {
		t.Errorf("got %d users, %v; want %d", len(users), err, len(errs))
	}
}

// checkIntegrity asks SQLite to go through the whole file.
func checkIntegrity(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&got); err != nil {
		t.Error(err)
	}
	if got != "ok" {
		t.Errorf("%s: got integrity check %q, want ok", file, got)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// SQLite does not wait by itself for another writer when it is to turn the
// journal of a new file into a write-ahead log.
func TestANewFileThatIsWrittenToIsWaitedFor(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "usher.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	writer, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := storage.Open(ctx, "sqlite:"+file, storage.Options{Migrate: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v: it waits as long as it may", err, context.DeadlineExceeded)
	}
	if _, err := writer.ExecContext(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	sqliteFile(file).Open(t, storage.Options{Migrate: true})
}

// inFile runs SQL on the database beside the store, as another program might.
func inFile(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range statements {
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database that a newer program migrated is shared with it, until a migration
// says that it can't be.
func TestANewerDatabaseIsSharedUntilItSaysOtherwise(t *testing.T) {
	t.Parallel()
	file := sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
	s := file.Open(t, storage.Options{Migrate: true})
	inFile(t, string(file), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	for _, migrate := range []bool{false, true} {
		s := file.Open(t, storage.Options{Migrate: migrate})
		if err := s.CreateUser(t.Context(), storage.User{Username: fmt.Sprint("user-", migrate)}); err != nil {
			t.Error(err)
		}
	}

	inFile(t, string(file), `INSERT INTO settings (name, value) VALUES ('oldest_schema', 9999)`)
	for _, migrate := range []bool{false, true} {
		s, err := storage.Open(t.Context(), "sqlite:"+string(file), storage.Options{Migrate: migrate})
		if err == nil {
			t.Errorf("migrate %t: got a store, %v; want an error", migrate, s.Close())
			continue
		}
		if !errors.Is(err, storage.ErrNewer) || !strings.Contains(err.Error(), "made by a newer usher") || !strings.Contains(err.Error(), "9999") {
			t.Errorf("migrate %t: got error %v, want %v", migrate, err, storage.ErrNewer)
		}
	}
	if users, err := s.Users(t.Context()); err != nil || len(users) != 2 { // a node that runs already
		t.Errorf("got users %v, %v; want two", users, err)
	}

	inFile(t, string(file), `UPDATE settings SET value = 1 WHERE name = 'oldest_schema'`)
	file.Open(t, storage.Options{Migrate: true})
}
