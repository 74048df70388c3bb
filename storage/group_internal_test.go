package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// groupStore is a store whose write-ahead log holds every commit since it was
// opened, and what is needed to hold its writer up.
type groupStore struct {
	*Store
	w *groupWriter
}

func newGroupStore(t *testing.T) groupStore {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	g := groupStore{s, s.dialect.(*sqliteDB).group}
	g.pragma(t, `PRAGMA wal_autocheckpoint = 0`)
	return g
}

// pragma sets something on the writer's connection.
func (g groupStore) pragma(t *testing.T, text string) {
	t.Helper()
	err := g.write(t.Context(), func(ctx context.Context, _ querier) error {
		_, err := g.w.conn.ExecContext(ctx, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hold keeps the writer busy until release, so that the test decides which
// writes form the next group.
func (g groupStore) hold(t *testing.T) (release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	left := make(chan error, 1)
	go func() {
		left <- g.write(t.Context(), func(context.Context, querier) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return func() {
		t.Helper()
		close(leave)
		if err := <-left; err != nil {
			t.Errorf("the write that held the others up: %v", err)
		}
	}
}

// waiting returns once n writes wait for the writer.
func (g groupStore) waiting(n int) {
	for len(g.w.jobs) < n {
		runtime.Gosched()
	}
}

// commits counts the commits in the write-ahead log, whose last frame of each
// carries the size of the database (SQLite file format, section 4.1).
func (g groupStore) commits(t *testing.T) (n int) {
	t.Helper()
	wal, err := os.ReadFile(g.Path() + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frameHeader = 32, 24
	frame := frameHeader + int(binary.BigEndian.Uint32(wal[8:]))
	salts := string(wal[16:24]) // a frame of other salts is a leftover
	for at := header; at+frame <= len(wal); at += frame {
		if string(wal[at+8:at+16]) == salts && binary.BigEndian.Uint32(wal[at+4:]) != 0 {
			n++
		}
	}
	return n
}

func (g groupStore) userNames(t *testing.T) string {
	t.Helper()
	users, err := g.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	return strings.Join(names, " ")
}

func TestWritesThatWaitTogetherShareACommit(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	const writers = 64
	release := g.hold(t)
	before := g.commits(t)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = g.CreateUser(t.Context(), User{Username: fmt.Sprintf("user-%02d", i)}) })
	}
	g.waiting(writers)
	release()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	// What held them up wrote nothing, so SQLite had nothing to commit for it.
	if got := g.commits(t) - before; got != 1 {
		t.Errorf("got %d commits for %d writes that waited together, want 1", got, writers)
	}
	if got := len(strings.Fields(g.userNames(t))); got != writers {
		t.Errorf("got %d users, want %d", got, writers)
	}
	if err := g.CreateUser(t.Context(), User{Username: "alone"}); err != nil {
		t.Fatal(err)
	}
	if got := g.commits(t) - before; got != 2 {
		t.Errorf("got %d commits after one more write, want 2", got)
	}
}

func TestNoGroupIsLargerThanItsBound(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	const writers = 2*maxGroup + 1
	release := g.hold(t)
	before := g.commits(t)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = g.CreateUser(t.Context(), User{Username: fmt.Sprint("user-", i)}) })
	}
	g.waiting(maxGroup) // the others wait to wait
	release()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := g.commits(t) - before; got < 3 || got > writers/2 {
		t.Errorf("got %d commits for %d writes, want at least 3 for groups of at most %d, and far fewer than writes", got, writers, maxGroup)
	}
}

func TestAWriteThatFailsUndoesItselfAlone(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	halfway := errors.New("gave up halfway")
	release := g.hold(t)
	before := g.commits(t)
	errs := make([]error, 5)
	var wg sync.WaitGroup
	for i, f := range []func(context.Context, querier) error{
		func(ctx context.Context, q querier) error { return g.insertUser(ctx, q, User{Username: "a"}) },
		func(ctx context.Context, q querier) error {
			return errors.Join(g.insertUser(ctx, q, User{Username: "b"}), halfway)
		},
		func(ctx context.Context, q querier) error { return g.insertUser(ctx, q, User{Username: "c"}) },
		func(ctx context.Context, q querier) error {
			if err := g.insertUser(ctx, q, User{Username: "d"}); err != nil {
				return err
			}
			return g.insertUser(ctx, q, User{Username: "c"})
		},
		func(ctx context.Context, q querier) error { return g.insertUser(ctx, q, User{Username: "b"}) },
	} {
		wg.Go(func() { errs[i] = g.write(t.Context(), f) })
		g.waiting(i + 1) // in this order
	}
	release()
	wg.Wait()
	for i, want := range []error{nil, halfway, nil, ErrExists, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("write %d: got error %v, want %v", i+1, errs[i], want)
		}
	}
	if got, want := g.userNames(t), "a b c"; got != want {
		t.Errorf("got users %q, want %q", got, want)
	}
	if got := g.commits(t) - before; got != 1 {
		t.Errorf("got %d commits, want 1 for all", got)
	}
}

func TestACallerWhoLeavesBeforeItsTurnIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	release := g.hold(t)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- g.CreateUser(ctx, User{Username: "ann"}) }()
	g.waiting(1)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) { // though the writer is still held up
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	release()
	if err := g.CreateUser(t.Context(), User{Username: "bob"}); err != nil {
		t.Error(err)
	}
	if got, want := g.userNames(t), "bob"; got != want {
		t.Errorf("got users %q, want %q", got, want)
	}
}

func TestACallerWhoLeavesDuringItsTurnHearsTheOutcome(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	for _, want := range []error{nil, errors.New("refused")} {
		ctx, leave := context.WithCancel(t.Context())
		ran := false
		err := g.write(ctx, func(ctx context.Context, q querier) error {
			leave()
			for range 100 { // time for the caller to make a mistake
				runtime.Gosched()
			}
			if err := g.insertUser(ctx, q, User{Username: fmt.Sprint("left ", want)}); err != nil {
				return err
			}
			ran = true
			return want
		})
		if !errors.Is(err, want) || !ran {
			t.Errorf("got error %v, run to its end %t; want %v, true", err, ran, want)
		}
	}
	if got, want := g.userNames(t), "left <nil>"; got != want {
		t.Errorf("got users %q, want %q", got, want)
	}
}
