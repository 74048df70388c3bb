package storage

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A disk that is full ends the transaction of the whole group: none of it
// happened, each caller is told so, and the writer goes on once there is room.
func TestAFullDiskFailsTheGroupAndNoMore(t *testing.T) {
	t.Parallel()
	g := newGroupStore(t)
	if err := g.CreateUser(t.Context(), User{Username: "ann"}); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := g.read.one(t.Context(), []any{&pages}, `PRAGMA page_count`); err != nil {
		t.Fatal(err)
	}
	g.pragma(t, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+2))

	for round := range 3 {
		release := g.hold(t)
		const writers = 6
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			u := User{Username: fmt.Sprintf("user-%d-%d", round, i)}
			switch i {
			case 1:
				u.Username = "user-" + fmt.Sprint(round) + "-0" // taken by the first, if that one happens
			case 3:
				u.FullName = strings.Repeat("long ", 10_000)
			}
			wg.Go(func() { errs[i] = g.CreateUser(t.Context(), u) })
			g.waiting(i + 1)
		}
		release()
		wg.Wait()
		for i, err := range errs {
			var e *sqlite.Error
			if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_FULL {
				t.Errorf("round %d, write %d: got error %v, want SQLITE_FULL", round, i, err)
			}
			if errors.Is(err, ErrExists) {
				t.Errorf("round %d, write %d: got error %v over a name that was not taken", round, i, err)
			}
		}
	}
	if got, want := g.userNames(t), "ann"; got != want {
		t.Errorf("got users %q after a full disk, want %q", got, want)
	}

	g.pragma(t, `PRAGMA max_page_count = 100000`)
	if err := g.CreateUser(t.Context(), User{Username: "bob", FullName: strings.Repeat("long ", 10_000)}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if got, want := g.userNames(t), "ann bob"; got != want {
		t.Errorf("got users %q with room again, want %q", got, want)
	}
}
