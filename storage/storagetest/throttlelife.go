package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func testThrottleList(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, bob := s.user(t, "ann"), s.user(t, "bob")
	now := s.clock.Now()
	list := func() []storage.Throttle {
		t.Helper()
		all, err := s.Throttles(ctx)
		check(t, err)
		return all
	}
	if got := list(); len(got) != 0 {
		t.Errorf("at first: got %v, want nothing", got)
	}
	s.allowed(t, at(bob.ID, 1))
	s.allowed(t, at("no user", 1))
	for i := range storage.FreeGuesses {
		s.allowed(t, at(ann.ID, i))
	}
	for i := range 40 {
		g := at(ann.ID, "x")
		g.Network = fmt.Sprint("net-", i)
		s.allowed(t, g)
	}
	for i := range 488 {
		s.allowed(t, at(fmt.Sprint("nobody-", i), i))
	}
	check(t, s.GuessedRight(ctx, storage.Charged{Guess: at(bob.ID, 1)}))
	s.allowed(t, at("the last", 1))
	var got []storage.Throttle
	for _, e := range list() {
		if e.Network == "" || e.Network == home {
			got = append(got, e)
		}
	}
	equal(t, "the list", got, []storage.Throttle{
		{Network: home, Failures: 500, Until: now.Add(7200 * time.Millisecond)},
		{Username: "ann", Failures: 50, Until: now.Add(72 * time.Second)},
		{Username: "ann", Network: home, Failures: 10, Until: now.Add(time.Second)},
	})
	check(t, s.ClearThrottle(ctx, ann.ID))
	equal(t, "the list after ann was cleared", list(), []storage.Throttle{
		{Network: home, Failures: 500, Until: now.Add(7200 * time.Millisecond)},
	})
	for i := range storage.FreeGuesses {
		g := at(ann.ID, i)
		g.Network = "net-1"
		s.allowed(t, g)
	}
	check(t, s.ClearThrottle(ctx, bob.ID))
	s.allowed(t, at(bob.ID, "at home still"))
}

func testRemovedUserLane(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	s.enter(t, at(ann.ID, 1))
	for i := range 50 {
		g := at(ann.ID, i)
		g.Network = fmt.Sprint("net-", i)
		s.allowed(t, g)
	}
	s.allowed(t, at(ann.ID, "at home"))
	check(t, s.RemoveUser(ctx, "ann"))
	s.wantRefused(t, at(ann.ID, "at home no more"), storage.LimitAccount, 72*time.Second)
}

func testClientThrottle(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for range 50 {
		check(t, s.ChargeClient(ctx, "api", home))
	}
	wantLimit := func(err error, by storage.Limit) {
		t.Helper()
		var refused *storage.ThrottledError
		if !errors.As(err, &refused) || refused.By != by {
			t.Errorf("got %v, want a refusal by %s", err, by)
		}
	}
	wantLimit(s.ChargeClient(ctx, "api", home), storage.LimitClient)
	check(t, s.ChargeClient(ctx, "api", "elsewhere"))
	check(t, s.RefundClient(ctx, "api", home))
	check(t, s.ChargeClient(ctx, "api", home))
	for i := range 450 {
		check(t, s.ChargeClient(ctx, fmt.Sprint("client-", i), home))
	}
	wantLimit(s.ChargeClient(ctx, "another", home), storage.LimitClientNetwork)
	wantLimit(s.ChargeClient(ctx, "", home), storage.LimitClientNetwork)
	check(t, s.ChargeClient(ctx, "", "elsewhere"))
}

func testPruneFailures(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for i := range 30 {
		s.allowed(t, from(fmt.Sprint("net-", i), i)) // 30 lanes and networks, one account
		check(t, s.ChargeClient(ctx, "api", fmt.Sprint("net-", i)))
	}
	s.enter(t, from("home", "right"))
	if got := s.prune(t, 7); got != 1 { // what home spent was given back
		t.Errorf("while they count: got %d rows pruned, want 1", got)
	}
	s.clock.Advance(time.Second)
	lag, err := s.PruneLag(ctx)
	check(t, err)
	if lag != 0 {
		t.Errorf("while they count: got a lag of %v, want 0", lag)
	}
	s.clock.Advance(2 * time.Hour)
	if lag, err = s.PruneLag(ctx); lag < time.Hour || lag > 2*time.Hour {
		t.Errorf("two hours later: got a lag of %v (%v), want over one", lag, err)
	}
	if got, want := s.prune(t, 7), int64(4*30+1); got != want { // and the account
		t.Errorf("two hours later: got %d rows pruned, want %d", got, want)
	}
	s.clock.Advance(storage.KnownFor)
	if got := s.prune(t, 7); got != 1 {
		t.Errorf("a month later: got %d rows pruned, want the lane of home", got)
	}
}

// Names without end, from one network, many at once.
func testRefusedLeaveNothing(t *testing.T, db Database) {
	const budget = 500
	if got := spend(t, db, 4*budget, func(i int) storage.Guess { return at(fmt.Sprint("name-", i), i) }); got != budget {
		t.Errorf("got %d guesses allowed, want %d", got, budget)
	}
	s := open(t, db)
	s.clock.Advance(2 * time.Hour)
	if got, want := s.prune(t, 100), int64(2*budget+1); got != want {
		t.Errorf("got %d rows, want %d: a lane and an account for each guess that was allowed, and the network", got, want)
	}
}

// What is pruned on one node while another counts must not be lost.
func testPruneRevived(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	for round := range 5 {
		for i := range 20 {
			nodes[0].allowed(t, at(fmt.Sprint("user-", i), round))
		}
		nodes[0].clock.Advance(2 * time.Hour)
		together(t, 21, func(ctx context.Context, i int) error {
			if i == 20 {
				_, err := nodes[1].Prune(ctx, 50)
				return err
			}
			_, err := nodes[0].Charge(ctx, at(fmt.Sprint("user-", i), fmt.Sprint("again ", round)))
			return err
		})
		for i := range 20 {
			charged, err := nodes[1].Charge(t.Context(), at(fmt.Sprint("user-", i), fmt.Sprint("again ", round)))
			if err != nil || !charged.Repeat {
				t.Fatalf("round %d, user %d: got repeat %t, %v, want the failure remembered", round, i, charged.Repeat, err)
			}
		}
	}
}
