package provider_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

// addr is an address by its last number.
func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(2 + n/256), byte(n)}) }

// try logs in from an address and returns the error.
func (s *server) try(p *provider.Provider, from netip.Addr, username, word string) error {
	s.t.Helper()
	r := request(s.t, values("grant_type", "password", "username", username, "password", word))
	r.From = from
	_, err := p.Token(s.t.Context(), r)
	return err
}

// exhaust makes so many wrong guesses at a user that no more are allowed from there.
func (s *server) exhaust(from netip.Addr, username string) {
	s.t.Helper()
	for i := range storage.FreeGuesses {
		wantProblem(s.t, s.try(s.Provider, from, username, fmt.Sprint("guess ", i)), 400, "invalid_grant")
	}
}

func wantThrottled(t testing.TB, err error, after time.Duration) {
	t.Helper()
	p := wantProblem(t, err, 429, "temporarily_unavailable")
	if p.RetryAfter != after {
		t.Errorf("got Retry-After %v, want %v", p.RetryAfter, after)
	}
}

// Guesses at a name that is nobody's are counted like others, or counting would
// tell which names are somebody's.
func TestThrottlingTellsNoNameFromAnother(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addRefused()
	story := func(name string, network int) string {
		var told strings.Builder
		for i := range storage.FreeGuesses + 5 {
			fmt.Fprintln(&told, s.try(s.Provider, addr(network), name, fmt.Sprint("guess ", i)))
		}
		// From everywhere else, as far as the account allows.
		for i := range 50 {
			fmt.Fprintln(&told, s.try(s.Provider, addr(100*network+i), name, "guess"))
		}
		return told.String()
	}
	want := story("ann", 1)
	if strings.Count(want, "429") != 0 || strings.Count(want, "temporarily_unavailable") != 5+storage.FreeGuesses {
		t.Errorf("got %s, want 5 refusals for the network and %d for the account", want, storage.FreeGuesses)
	}
	for i, name := range []string{"nobody", "disabled", "hashless", "no\x00name", "\xff", strings.Repeat("x", 5000)} {
		if got := story(name, i+2); got != want {
			t.Errorf("%q: got\n%s\nwant, as for ann,\n%s", name, got, want)
		}
	}
}

func TestARightPasswordHasToWaitToo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exhaust(addr(1), "ann")
	wantThrottled(t, s.try(s.Provider, addr(1), "ann", password), time.Second)
	s.clock.Advance(time.Second)
	if err := s.try(s.Provider, addr(1), "ann", password); err != nil {
		t.Errorf("a second later: got %v, want a token", err)
	}
	// And all is forgotten.
	s.exhaust(addr(1), "ann")
}

func TestTheAnswerSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exhaust(addr(1), "ann")
	for _, want := range []string{
		"1 second", "2 seconds", "4 seconds", "8 seconds", "16 seconds", "32 seconds", "64 seconds", "3 minutes", "5 minutes",
		"9 minutes", "18 minutes", "35 minutes", "60 minutes",
	} {
		p := wantProblem(t, s.try(s.Provider, addr(1), "ann", "another guess"), 429, "temporarily_unavailable")
		if got := p.Description; got != "Too many attempts have failed. Try again in "+want+"." {
			t.Errorf("got %q, want %s", got, want)
		}
		s.clock.Advance(p.RetryAfter)
		wantProblem(t, s.try(s.Provider, addr(1), "ann", "guess "+want), 400, "invalid_grant")
	}
}

// CVE-2025-24806, CVE-2025-31124: one user, many spellings, as many counters.
func TestEverySpellingOfANameSharesOneCounter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addUser("zoë", "profile")
	for _, names := range [][]string{
		{"ann", "ANN", "Ann", "Ａｎｎ"}, // the last one in full width
		{"zoë", "ZOË", "zoe\u0308", "ＺＯË"},
		{"nobody", "NoBody", "NOBODY"},
	} {
		for i := range storage.FreeGuesses {
			err := s.try(s.Provider, addr(1), names[i%len(names)], fmt.Sprint("guess ", i))
			wantProblem(t, err, 400, "invalid_grant")
		}
		for _, name := range names {
			wantThrottled(t, s.try(s.Provider, addr(1), name, "another guess"), time.Second)
		}
	}
}

func TestNetworksAreCountedAsTheyAreGivenOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, tt := range []struct {
		a, b string
		same bool
	}{
		{"198.51.100.7", "198.51.100.8", false},
		{"198.51.100.7", "::ffff:198.51.100.7", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		name := fmt.Sprint("user-", i)
		s.exhaust(netip.MustParseAddr(tt.a), name)
		err := s.try(s.Provider, netip.MustParseAddr(tt.b), name, "another guess")
		if tt.same {
			wantThrottled(t, err, time.Second)
		} else {
			wantProblem(t, err, 400, "invalid_grant")
		}
	}
	s.exhaust(nowhere, "without an address")
	wantThrottled(t, s.try(s.Provider, nowhere, "without an address", "another guess"), time.Second)
}

func TestTheOwnerAtHomeIsNotLockedOutByStrangers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.try(s.Provider, addr(0), "ann", password); err != nil {
		t.Fatal(err)
	}
	var failed int
	for i := range 400 {
		var p *provider.Problem
		if err := s.try(s.Provider, addr(1+i), "ann", fmt.Sprint("guess ", i)); asProblem(err, &p) && p.Status == 400 {
			failed++
		}
	}
	if failed != 50 {
		t.Errorf("strangers failed %d times, want 50 at once", failed)
	}
	wantThrottled(t, s.try(s.Provider, addr(500), "ann", password), 72*time.Second)
	for range 3 {
		if err := s.try(s.Provider, addr(0), "ann", password); err != nil {
			t.Errorf("at home: got %v, want a token", err)
		}
		s.clock.Advance(time.Hour)
	}
}

// The race of CVE-2024-4629 and CVE-2023-47111.
func TestParallelGuessesSpendExactlyTheBudget(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nodes := []*provider.Provider{s.Provider, s.node(), s.node()}
	for _, name := range []string{"ann", "nobody"} {
		before := s.config.Pool.Stats().Done
		var checked, refused, unavailable atomic.Int64
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				var p *provider.Problem
				switch err := s.try(nodes[i%3], addr(1), name, fmt.Sprint("guess ", i)); {
				case asProblem(err, &p) && p.Status == 400:
					checked.Add(1)
				case asProblem(err, &p) && p.Status == 429:
					refused.Add(1)
				case provider.Unavailable(err): // a database on a busy machine
					unavailable.Add(1)
				default:
					t.Errorf("got %v, want a refusal", err)
				}
			})
		}
		wg.Wait()
		// Who got no answer may have been counted all the same.
		n, least := checked.Load(), max(0, storage.FreeGuesses-unavailable.Load())
		if n > storage.FreeGuesses || n < least || n+refused.Load()+unavailable.Load() != 500 {
			t.Errorf("%s: of 500 guesses %d were checked, %d refused, and for %d there was no database; want %d checked",
				name, n, refused.Load(), unavailable.Load(), storage.FreeGuesses)
		}
		if hashed := int64(s.config.Pool.Stats().Done - before); hashed != n {
			t.Errorf("%s: %d passwords were hashed, want %d", name, hashed, n)
		}
	}
}

// One user of many programs at once is no guesser.
func TestParallelLoginsOfOneUserAllSucceed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nodes := []*provider.Provider{s.Provider, s.node()}
	for range 2 {
		var wg sync.WaitGroup
		for i := range 3 * storage.FreeGuesses {
			wg.Go(func() {
				if err := s.try(nodes[i%2], addr(1), "ann", password); err != nil {
					t.Errorf("got %v, want a token", err)
				}
			})
		}
		wg.Wait()
	}
}

func TestTheSameWrongPasswordFailsOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	failures := func() int {
		t.Helper()
		list, err := s.store.Throttles(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("got %v (%v), want one lane", list, err)
		}
		return list[0].Failures
	}
	for range 20 {
		wantProblem(t, s.try(s.Provider, addr(1), "ann", "an old password"), 400, "invalid_grant")
	}
	if got := failures(); got != 1 {
		t.Errorf("got %d failures after one password 20 times, want 1", got)
	}
	for range 5 {
		wantProblem(t, s.try(s.Provider, addr(1), "ann", "another"), 400, "invalid_grant")
		wantProblem(t, s.try(s.Provider, addr(1), "ann", "an old password"), 400, "invalid_grant")
	}
	if got := failures(); got != 2 {
		t.Errorf("got %d failures after two passwords by turns, want 2", got)
	}
	// Costing no failure is not costing nothing.
	var refused bool
	for range 60 {
		var p *provider.Problem
		err := s.try(s.Provider, addr(1), "ann", "an old password")
		refused = refused || asProblem(err, &p) && p.Status == 429
	}
	if !refused {
		t.Error("an app may go on for ever with an old password")
	}
	if err := s.try(s.Provider, addr(1), "ann", password); err != nil {
		t.Errorf("the right one: got %v, want a token", err)
	}
}

func TestAWrongCurrentPasswordIsAFailedLogin(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.claims(s.login().AccessToken)
	change := func(from netip.Addr, current string) error {
		return s.ChangePassword(t.Context(), c, current, "another horse battery", from)
	}
	for i := range storage.FreeGuesses / 2 {
		wantProblem(t, change(addr(1), fmt.Sprint("guess ", i)), 403, "access_denied")
		wantProblem(t, s.try(s.Provider, addr(1), "ann", fmt.Sprint("other guess ", i)), 400, "invalid_grant")
	}
	wantThrottled(t, change(addr(1), password), time.Second)
	wantThrottled(t, s.try(s.Provider, addr(1), "ann", password), time.Second)
	if err := change(addr(2), password); err != nil {
		t.Errorf("elsewhere: got %v, want the password changed", err)
	}
}

func TestARightPasswordWithoutScopesIsNoFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 3 * storage.FreeGuesses {
		r := request(t, values("grant_type", "password", "username", "ann", "password", password, "scope", "write"))
		r.From = addr(1)
		_, err := s.Token(t.Context(), r)
		wantProblem(t, err, 400, "invalid_scope")
		wantProblem(t, s.try(s.Provider, addr(1), "ann", fmt.Sprint("guess ", i)), 400, "invalid_grant")
	}
}

func TestWithoutTheDatabaseNothingIsChecked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	var p *provider.Problem
	if err := s.try(s.Provider, addr(1), "ann", "guess"); err == nil || asProblem(err, &p) {
		t.Errorf("got %v, want an error that is no answer to a guess", err)
	}
	if n := s.config.Pool.Stats().Done; n != 2 { // ann's password and a client's secret, when they were made
		t.Errorf("got %d hashes, want none since the database is gone", n-2)
	}
}

// A flood that is more than can be hashed must not fill the database.
func TestWhatCantBeHashedIsNotCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pool := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost, Workers: 1, Queue: 1})
	t.Cleanup(pool.Close)
	c := s.config
	c.Pool = pool
	p, err := provider.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	// A second each: one runs, and then one waits.
	go pool.Check(t.Context(), "", "x", 14)
	for pool.Stats().Running == 0 {
		runtime.Gosched()
	}
	go pool.Check(t.Context(), "", "x", 14)
	for pool.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	wantProblem(t, s.try(p, addr(1), "ann", "guess"), 503, "temporarily_unavailable")
	if list, err := s.store.Throttles(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %v (%v), want nothing counted", list, err)
	}
}
