package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

// backupStore is a store with a user and a client, in a folder of its own.
func backupStore(t *testing.T) (s *storage.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	s = sqliteFile(filepath.Join(dir, "usher.db")).Open(t, storage.Options{Migrate: true})
	if err := s.CreateUser(t.Context(), storage.User{ID: "ann", Username: "ann", Epoch: "e"}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateClient(t.Context(), storage.Client{ID: "app", Epoch: "e"}); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// only checks that the folder holds the database and what is named.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "usher.db") {
			got = append(got, e.Name())
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("got files %v beside the database, want %v", got, names)
	}
}

// Each writer ends the grant of its turn before it makes the next, and a grant
// ends together with its revocation. So a copy of one moment shows, for each
// writer, grants ended up to some turn, at most one that lives, and none later.
func TestABackupIsOfOneMomentWhileOthersWrite(t *testing.T) {
	t.Parallel()
	const writers = 8
	s, dir := backupStore(t)
	id := func(writer, turn int) string { return fmt.Sprintf("grant-%d-%d", writer, turn) }
	var stop atomic.Bool
	var turns [writers]atomic.Int64 // that were acknowledged
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			for turn := 0; !stop.Load() && errs[w] == nil; turn++ {
				errs[w] = errors.Join(
					s.CreateGrant(t.Context(), storage.Grant{ID: id(w, turn), UserID: "ann", ClientID: "app", UserEpoch: "e", ClientEpoch: "e"}),
					s.EndGrant(t.Context(), id(w, turn)))
				turns[w].Store(int64(turn) + 1)
			}
		})
	}
	for n := range 5 {
		for turns[0].Load() < int64(n+1)*4 { // there is something to copy
			if _, err := s.Changed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var before [writers]int64
		for w := range writers {
			before[w] = turns[w].Load()
		}
		file := filepath.Join(dir, fmt.Sprintf("copy-%d.db", n))
		if err := s.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		checkIntegrity(t, file)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("copy %d: got mode %o, want 600", n, got)
		}

		c := sqliteFile(file).Open(t, storage.Options{})
		ended := make(map[string]bool)
		list, err := c.Revocations(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range list {
			ended[r.Key] = true
			if r.Seq != int64(i)+1 {
				t.Errorf("copy %d: got number %d in place %d, want no gap", n, r.Seq, i+1)
			}
		}
		newest, err := c.Versions(t.Context())
		if err != nil || newest.Revocations != int64(len(list)) {
			t.Errorf("copy %d: got newest number %+v, %v; want %d", n, newest, err, len(list))
		}
		for w := range writers {
			turn := 0
			for ended[id(w, turn)] {
				if _, err := c.Session(t.Context(), id(w, turn)); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("copy %d: got %v for grant %s that is ended, want %v", n, err, id(w, turn), storage.ErrNotFound)
				}
				turn++
			}
			if int64(turn) < before[w] {
				t.Errorf("copy %d: got writer %d ended %d times, want at least the %d of before", n, w, turn, before[w])
			}
			if _, err := c.Session(t.Context(), id(w, turn+1)); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("copy %d: got %v for a grant whose forerunner is not ended, want %v", n, err, storage.ErrNotFound)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	only(t, dir, "copy-0.db", "copy-1.db", "copy-2.db", "copy-3.db", "copy-4.db")
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	s, dir := backupStore(t)
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		file string
		want error
		text string
	}{
		{"a name that is taken", t.Context(), taken, fs.ErrExist, "name a new file"},
		{"a link to nowhere", t.Context(), dangling, fs.ErrExist, "name a new file"},
		{"a folder", t.Context(), dir, fs.ErrExist, "name a new file"},
		{"the database itself", t.Context(), s.Path(), fs.ErrExist, "name a new file"},
		{"a missing folder", t.Context(), filepath.Join(dir, "no", "copy"), nil, "does not exist: make it first"},
		{"a caller who left", cancelled, filepath.Join(dir, "copy"), context.Canceled, ""},
	} {
		err := s.Backup(tt.ctx, tt.file)
		if err == nil || (tt.want != nil && !errors.Is(err, tt.want)) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got error %v, want %v that says %q", tt.name, err, tt.want, tt.text)
		}
		only(t, dir, "dangling", "taken")
	}
	if got, err := os.ReadFile(taken); err != nil || string(got) != "precious" {
		t.Errorf("got %q, %v in the file that was there, want it untouched", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("a closed store: got error %v, want %v", err, storage.ErrClosed)
	}
	only(t, dir, "dangling", "taken")
}

func TestOfManyBackupsToOneFileOneIsMade(t *testing.T) {
	t.Parallel()
	s, dir := backupStore(t)
	file := filepath.Join(dir, "what? 100% #1*.db")
	if err := os.WriteFile(file+".part", nil, 0o600); err != nil { // a leftover is in nobody's way
		t.Fatal(err)
	}
	start := make(chan struct{})
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = s.Backup(t.Context(), file)
		})
	}
	close(start)
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, fs.ErrExist) {
			t.Errorf("got error %v, want %v", err, fs.ErrExist)
		}
	}
	if made != 1 {
		t.Errorf("got %d backups made, want 1", made)
	}
	checkIntegrity(t, file)
	only(t, dir, filepath.Base(file), filepath.Base(file)+".part")
}

func TestABackupHoldsEverything(t *testing.T) {
	s, dir := backupStore(t)
	if err := s.RevokeToken(t.Context(), "jti", time.Now()); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := s.Backup(t.Context(), "file:copy"); err != nil { // a name and not an address
		t.Fatal(err)
	}
	only(t, dir, "file:copy")
	c := sqliteFile(filepath.Join(dir, "file:copy")).Open(t, storage.Options{})
	if _, err := c.UserByName(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	list, err := c.Revocations(t.Context(), 0)
	if err != nil || len(list) != 1 || list[0].Key != "jti" {
		t.Errorf("got revocations %v, %v; want jti's", list, err)
	}
	if err := c.CreateUser(t.Context(), storage.User{Username: "bob"}); err != nil { // it is a database like any other
		t.Error(err)
	}
}
