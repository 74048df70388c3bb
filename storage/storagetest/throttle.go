package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func throttleTests() []test {
	return []test{
		{"ten guesses are free, then each waits twice as long", testDelaysDouble},
		{"a lane forgets a day after its last wait", testLanesForget},
		{"parallel guesses spend exactly the lane", testParallelLane},
		{"parallel guesses spend exactly the account", testParallelAccount},
		{"parallel guesses spend exactly the network", testParallelNetwork},
		{"an account fails at most a hundred times in any hour", testAccountHour},
		{"the same password fails once", testRepeats},
		{"a right password gives back what it cost", testRefund},
		{"a user at home is not kept out by strangers", testAtHome},
		{"a user who logs in often gives nobody more guesses", testHomeBudget},
		{"what fails at home is not held against the network", testHomeIsNotCounted},
		{"home is forgotten after thirty days", testHomeExpires},
		{"Admit makes the grant or nothing", testAdmit},
		{"the list shows users and networks, and clear frees a user", testThrottleList},
		{"a removed user leaves no lane", testRemovedUserLane},
		{"clients are counted for each network", testClientThrottle},
		{"failures are pruned when they no longer count", testPruneFailures},
		{"guesses that are refused leave no row", testRefusedLeaveNothing},
		{"pruning takes no failure that counts again", testPruneRevived},
	}
}

// home is a network of these tests.
const home = "192.0.2.1"

// guess is a password tried at ann's from home, unless changed.
func guess(password any) storage.Guess {
	return storage.Guess{Account: "ann", Network: home, Mark: strings.ReplaceAll(fmt.Sprint("mark ", password), " ", "-")}
}

func from(network, password any) storage.Guess {
	g := guess(password)
	g.Network = fmt.Sprint(network)
	return g
}

func at(account, password any) storage.Guess {
	g := guess(password)
	g.Account = fmt.Sprint(account)
	return g
}

// allowed charges a guess and fails the test where it was refused.
func (n node) allowed(t *testing.T, g storage.Guess) storage.Charged {
	t.Helper()
	charged, err := n.Charge(t.Context(), g)
	if err != nil {
		t.Fatalf("guess %+v: got %v, want it allowed", g, err)
	}
	return charged
}

// enter makes a right guess.
func (n node) enter(t *testing.T, g storage.Guess) {
	t.Helper()
	check(t, n.GuessedRight(t.Context(), n.allowed(t, g)))
}

// refused returns what a guess was refused by and for how long.
func (n node) refused(t *testing.T, g storage.Guess) (storage.Limit, time.Duration) {
	t.Helper()
	_, err := n.Charge(t.Context(), g)
	var refused *storage.ThrottledError
	if !errors.As(err, &refused) {
		t.Fatalf("guess %+v: got %v, want it refused", g, err)
	}
	return refused.By, refused.After
}

func (n node) wantRefused(t *testing.T, g storage.Guess, by storage.Limit, after time.Duration) {
	t.Helper()
	if gotBy, gotAfter := n.refused(t, g); gotBy != by || gotAfter != after {
		t.Errorf("guess %+v: got refused by %s for %v, want by %s for %v", g, gotBy, gotAfter, by, after)
	}
}

func testDelaysDouble(t *testing.T, db Database) {
	s := open(t, db)
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(i))
	}
	want := []time.Duration{
		1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600,
	}
	for i, seconds := range want {
		delay := seconds * time.Second
		s.wantRefused(t, guess(fmt.Sprint("early ", i)), storage.LimitDelay, delay)
		s.clock.Advance(delay - time.Millisecond)
		s.wantRefused(t, guess(fmt.Sprint("early ", i)), storage.LimitDelay, time.Millisecond)
		s.clock.Advance(time.Millisecond)
		s.allowed(t, guess(fmt.Sprint("after ", i)))
	}
}

func testLanesForget(t *testing.T, db Database) {
	s := open(t, db)
	for i := range storage.FreeGuesses - 1 {
		s.allowed(t, guess(i))
	}
	s.clock.Advance(time.Hour)
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(fmt.Sprint("an hour later ", i)))
	}
	s.clock.Advance(time.Second + 24*time.Hour - time.Millisecond)
	s.allowed(t, guess("one"))
	s.wantRefused(t, guess("two"), storage.LimitDelay, 2*time.Second)
	s.clock.Advance(2*time.Second + 24*time.Hour)
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(fmt.Sprint("a day later ", i)))
	}
}

// spend makes n guesses at once, over three nodes, and returns how many were allowed.
func spend(t *testing.T, db Database, n int, g func(i int) storage.Guess) (allowed int) {
	t.Helper()
	first := open(t, db)
	nodes := []node{first, openAt(t, db, first.clock), openAt(t, db, first.clock)}
	var count atomic.Int64
	together(t, n, func(ctx context.Context, i int) error {
		charged, err := nodes[i%3].Charge(ctx, g(i))
		var refused *storage.ThrottledError
		if errors.As(err, &refused) {
			return nil
		}
		if err == nil && !charged.Repeat {
			count.Add(1)
		}
		return err
	})
	return int(count.Load())
}

func testParallelLane(t *testing.T, db Database) {
	if got := spend(t, db, 500, func(i int) storage.Guess { return guess(i) }); got != storage.FreeGuesses {
		t.Errorf("got %d of 500 parallel guesses allowed, want %d", got, storage.FreeGuesses)
	}
}

func testParallelAccount(t *testing.T, db Database) {
	const want = 50
	got := spend(t, db, 500, func(i int) storage.Guess { return from(fmt.Sprint("net-", i%100), i) })
	if got != want {
		t.Errorf("got %d of 500 parallel guesses from 100 networks allowed, want %d", got, want)
	}
}

func testParallelNetwork(t *testing.T, db Database) {
	const want = 500
	got := spend(t, db, 600, func(i int) storage.Guess { return at(fmt.Sprint("user-", i), i) })
	if got != want {
		t.Errorf("got %d of 600 parallel guesses at as many accounts allowed, want %d", got, want)
	}
}

// Strangers who never rest and never run out of networks.
func testAccountHour(t *testing.T, db Database) {
	s := open(t, db)
	const step = 9 * time.Second
	var allowed []time.Time
	for i := range int(3 * time.Hour / step) {
		_, err := s.Charge(t.Context(), from(fmt.Sprint("net-", i), i))
		var refused *storage.ThrottledError
		switch {
		case err == nil:
			allowed = append(allowed, s.clock.Now())
		case !errors.As(err, &refused) || refused.By != storage.LimitAccount:
			t.Fatalf("got %v, want a refusal for the account", err)
		}
		s.clock.Advance(step)
	}
	for i, first := range allowed {
		end, _ := slices.BinarySearchFunc(allowed, first.Add(time.Hour), time.Time.Compare)
		if got := end - i; got > 100 {
			t.Fatalf("got %d failures in the hour from %v, want at most 100", got, first)
		}
	}
	if len(allowed) < 150 {
		t.Errorf("got %d failures in three hours, want about 200: the budget does not come back", len(allowed))
	}
}

func testRepeats(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for range 300 { // not told to be wrong yet: they may be many logins at once
		s.allowed(t, guess("old"))
	}
	for i := range storage.FreeGuesses - 1 {
		s.allowed(t, guess(i))
	}
	s.wantRefused(t, guess("one more"), storage.LimitDelay, time.Second)

	// While others wait the repeat is let through, a hundred times an hour.
	for i := range 50 {
		charged, err := s.Charge(ctx, guess(5))
		if err != nil || !charged.Repeat {
			t.Fatalf("repeat %d: got %t, %v, want it allowed as a repeat", i, charged.Repeat, err)
		}
		check(t, s.GuessedWrong(ctx, charged))
	}
	s.wantRefused(t, guess(5), storage.LimitRepeats, 72*time.Second)
	s.clock.Advance(time.Second)
	s.allowed(t, guess("not a repeat"))
	s.clock.Advance(72 * time.Second)
	s.allowed(t, guess(5))

	// Another account's same password is another guess, and so is another network's.
	for _, other := range []storage.Guess{at("bob", 5), from("elsewhere", 5)} {
		if charged, err := s.Charge(ctx, other); charged.Repeat || err != nil {
			t.Errorf("guess %+v: got repeat %t, %v, want a new guess", other, charged.Repeat, err)
		}
	}
}

func testRefund(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	// Each user mistypes four times. At a cost, it would be five in the network's 500.
	for i := range 200 {
		user := fmt.Sprint("user-", i)
		for j := range 5 {
			s.allowed(t, at(user, j))
		}
		check(t, s.GuessedRight(ctx, storage.Charged{Guess: at(user, 4)}))
	}
	// A user on the way through many networks.
	for i := range 50 {
		network := fmt.Sprint("net-", i)
		for j := range 5 {
			s.allowed(t, from(network, j))
		}
		check(t, s.GuessedRight(ctx, storage.Charged{Guess: from(network, 4)}))
	}
	for i := range storage.FreeGuesses {
		s.allowed(t, from("net-7", fmt.Sprint("again ", i)))
	}
}

func testAdmit(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g := s.grant(ann, app)
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(i))
	}
	check(t, s.Admit(ctx, storage.Charged{Guess: guess(9)}, g))
	s.wantLive(t, "the grant", g, true)
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(i))
	}
	if err := s.Admit(ctx, storage.Charged{Guess: guess(9)}, g); !errors.Is(err, storage.ErrExists) {
		t.Errorf("the same grant again: got %v, want ErrExists", err)
	}
	s.wantRefused(t, guess("x"), storage.LimitDelay, time.Second)
}
