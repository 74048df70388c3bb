package storagetest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

// lasting logs in for so long from now on.
func (n node) lasting(t *testing.T, u storage.User, c storage.Client, d time.Duration) storage.Grant {
	t.Helper()
	g := n.grant(u, c)
	g.ExpiresAt = n.clock.Now().Add(d)
	check(t, n.CreateGrant(t.Context(), g))
	return g
}

// wantPruned prunes as a server does.
func (n node) wantPruned(t *testing.T, when string, lag time.Duration, rows int64) {
	t.Helper()
	got, err := n.PruneLag(t.Context())
	check(t, err)
	equal(t, when+": lag", got, lag)
	equal(t, when+": rows pruned", n.prune(t, 10), rows)
}

func testPruneShorter(t *testing.T, db Database) {
	s := open(t, db)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	s.lasting(t, ann, app, 30*24*time.Hour)
	s.wantPruned(t, "one session of a month", 0, 0)
	s.lasting(t, ann, app, time.Minute)
	s.lasting(t, ann, app, 2*time.Minute)
	s.clock.Advance(90 * time.Second)
	s.wantPruned(t, "with one that is over", 30*time.Second, 1)
	s.lasting(t, ann, app, time.Second)
	s.clock.Advance(10 * time.Minute)
	s.wantPruned(t, "with two more", 10*time.Minute-time.Second, 2)
}

func testPruneBehind(t *testing.T, db Database) {
	s := open(t, db)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	for range 3 {
		s.lasting(t, ann, app, time.Minute)
	}
	s.clock.Advance(10 * time.Minute)
	s.wantPruned(t, "after three logins", 9*time.Minute, 3)

	// As a backup, or a standby without the last commits, has them.
	s.lasting(t, ann, app, -20*time.Minute)
	s.clock.Advance(time.Hour)
	s.wantPruned(t, "an hour after one came back", 80*time.Minute, 1)

	s.clock.Advance(-48 * time.Hour)
	s.wantPruned(t, "two days before", 0, 0)
	s.lasting(t, ann, app, time.Minute)
	s.clock.Advance(3 * time.Minute)
	s.wantPruned(t, "the login of before is over", 2*time.Minute, 1)
}

// A batch that is being deleted does not hide what another look found meanwhile.
func testPruneMeanwhile(t *testing.T, db Database) {
	var armed atomic.Bool
	s := node{clock: NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	s.Store = db.Open(t, storage.Options{Migrate: true, Now: s.clock.Now, Trace: func(ctx context.Context, statement string) (context.Context, func(error)) {
		if strings.HasPrefix(statement, "DELETE FROM grants") && armed.CompareAndSwap(true, false) {
			lag, err := s.PruneLag(t.Context())
			check(t, err)
			equal(t, "lag while a batch is deleted", lag, 2*time.Hour)
		}
		return ctx, func(error) {}
	}})
	ann, app := s.user(t, "ann"), s.client(t, "app")
	s.lasting(t, ann, app, time.Minute)
	s.clock.Advance(time.Hour)
	s.wantPruned(t, "after a login", 59*time.Minute, 1)

	s.lasting(t, ann, app, -time.Hour)
	s.lasting(t, ann, app, time.Minute)
	s.lasting(t, ann, app, time.Minute)
	s.clock.Advance(time.Hour)
	armed.Store(true)
	equal(t, "rows pruned by one look", s.prune(t, 1), int64(3))
	if armed.Load() {
		t.Error("got no DELETE of grants, want one that is looked at meanwhile")
	}
}
