package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usher-oauth/usher/credentials"
)

// newPool makes a pool that ends with the test, and is never too busy for it.
func newPool(tb testing.TB, c credentials.PoolConfig) *credentials.Pool {
	tb.Helper()
	c.Wait = time.Hour
	p := credentials.NewPool(c)
	tb.Cleanup(p.Close)
	return p
}

// hashAt makes a bcrypt hash without a pool.
func hashAt(tb testing.TB, password string, cost int) string {
	tb.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		tb.Fatal(err)
	}
	return string(hash)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 5, Workers: 2})
	at5 := hashAt(t, "swordfish", 5)
	long := strings.Repeat("x", 72)
	for _, tt := range []struct {
		name, hash, password string
		want                 credentials.Result
	}{
		{"right", at5, "swordfish", credentials.Result{OK: true}},
		{"wrong", at5, "Swordfish", credentials.Result{}},
		{"empty", at5, "", credentials.Result{}},
		{"no user", "", "swordfish", credentials.Result{}},
		{"no user and no password", "", "", credentials.Result{}},
		{"hash of no kind", "swordfish", "swordfish", credentials.Result{}},
		{"lower cost", hashAt(t, "swordfish", 4), "swordfish", credentials.Result{OK: true, Renew: true}},
		{"higher cost", hashAt(t, "swordfish", 6), "swordfish", credentials.Result{OK: true, Renew: true}},
		{"prefix $2b$", "$2b$" + at5[4:], "swordfish", credentials.Result{OK: true, Renew: true}},
		{"prefix $2y$", "$2y$" + at5[4:], "swordfish", credentials.Result{OK: true, Renew: true}},
		{"wrong at lower cost", hashAt(t, "swordfish", 4), "sword", credentials.Result{}},
		{"72 bytes", hashAt(t, long, 5), long, credentials.Result{OK: true}},
		// bcrypt reads 72 bytes and would say yes.
		{"73 bytes", hashAt(t, long, 5), long + "x", credentials.Result{}},
		// bcrypt goes round with a NUL in between and would say yes.
		{"repeated over a NUL", at5, "swordfish\x00swordfish", credentials.Result{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Check(t.Context(), tt.hash, tt.password, 0)
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestCheckReadsTutorialHash(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 12, Workers: 1})
	got, err := p.Check(t.Context(), secretAt12, "secret", 12)
	if want := (credentials.Result{OK: true, Renew: true}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// Why a login failed must not be seen from the work it took. Counted, not
// timed: bcrypt rounds are what time depends on.
func TestEveryFailureCostsTheSame(t *testing.T) {
	t.Parallel()
	const cost = 6
	for _, failCost := range []int{0, 4, cost, 8} {
		target := max(cost, failCost)
		classes := map[string][2]string{ // hash, password
			"no user":       {"", "guess"},
			"no hash":       {"!", "guess"},
			"foreign hash":  {"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "guess"},
			"over 72 bytes": {hashAt(t, "swordfish", cost), strings.Repeat("x", 60_000)},
			"NUL":           {hashAt(t, "swordfish", cost), "swordfish\x00swordfish"},
			"empty":         {hashAt(t, "swordfish", cost), ""},
			"no user, long": {"", strings.Repeat("x", 100)},
		}
		for c := credentials.MinCost; c <= target; c++ {
			classes[fmt.Sprintf("wrong at cost %d", c)] = [2]string{hashAt(t, "swordfish", c), "guess"}
		}
		for name, class := range classes {
			t.Run(fmt.Sprintf("%s, others at %d", name, failCost), func(t *testing.T) {
				t.Parallel()
				p := newPool(t, credentials.PoolConfig{Cost: cost, Workers: 1})
				got, err := p.Check(t.Context(), class[0], class[1], failCost)
				if err != nil || got.OK {
					t.Fatalf("got %+v, %v, want a failure", got, err)
				}
				s := p.Stats()
				if want := uint64(1) << target; s.Units != want || s.Done != 1 {
					t.Errorf("got %d rounds in %d jobs, want %d in 1", s.Units, s.Done, want)
				}
			})
		}
	}
}

// The arithmetic of the same, for costs too dear to run.
func TestPaddingFillsUpToTarget(t *testing.T) {
	t.Parallel()
	for target := credentials.MinCost; target <= credentials.MaxCost; target++ {
		for cost := credentials.MinCost; cost <= target; cost++ {
			got := 1 << cost
			for _, c := range credentials.Padding(cost, target) {
				got += 1 << c
			}
			if want := 1 << target; got != want {
				t.Errorf("cost %d padded to %d: got %d rounds, want %d", cost, target, got, want)
			}
		}
		if got := credentials.Padding(credentials.MaxCost, target); len(got) != 0 {
			t.Errorf("cost %d padded to %d: got %v, want nothing", credentials.MaxCost, target, got)
		}
	}
}

func TestSuccessCostsItsHashOnly(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 8, Workers: 1})
	if got, err := p.Check(t.Context(), hashAt(t, "swordfish", 4), "swordfish", 9); err != nil || !got.OK {
		t.Fatalf("got %+v, %v, want success", got, err)
	}
	if got, want := p.Stats().Units, uint64(1)<<4; got != want {
		t.Errorf("got %d rounds, want %d", got, want)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 5, Workers: 1})
	// Short is a matter of rules, not of hashing: a demo may want it.
	for _, password := range []string{"secret", "swordfish", strings.Repeat("é", 36)} {
		hash, err := p.Hash(t.Context(), password)
		if err != nil {
			t.Fatalf("Hash(%q): %v", password, err)
		}
		if cost, err := credentials.ParseHash(hash); err != nil || cost != 5 {
			t.Errorf("cost of %q: got %d, %v, want 5", hash, cost, err)
		}
		got, err := p.Check(t.Context(), hash, password, 0)
		if want := (credentials.Result{OK: true}); err != nil || got != want {
			t.Errorf("checking %q: got %+v, %v, want %+v", password, got, err, want)
		}
	}
	for _, password := range []string{strings.Repeat("x", 73), "sword\x00fish"} {
		if hash, err := p.Hash(t.Context(), password); !errors.Is(err, credentials.ErrPassword) || hash != "" {
			t.Errorf("Hash(%q): got %q, %v, want ErrPassword", password, hash, err)
		}
	}
}

func TestHashingAfterCloseOrCancel(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := p.Hash(ctx, "swordfish"); !errors.Is(err, context.Canceled) || got != "" {
		t.Errorf("Hash of a cancelled caller: got %q, %v, want context.Canceled", got, err)
	}
	p.Close()
	if got, err := p.Check(t.Context(), "", "swordfish", 0); !errors.Is(err, credentials.ErrClosed) || got.OK {
		t.Errorf("Check after Close: got %+v, %v, want ErrClosed", got, err)
	}
}

func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 4, Workers: 2})
	hash := hashAt(t, "swordfish", 4)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			right := i%2 == 0
			password := map[bool]string{true: "swordfish", false: "guess"}[right]
			if got, err := p.Check(t.Context(), hash, password, 0); err != nil || got.OK != right {
				t.Errorf("Check(%q): got %+v, %v, want OK %t", password, got, err, right)
			}
		})
	}
	wg.Wait()
	if got := p.Stats(); got.Done != 32 || got.Waiting != 0 || got.Running != 0 {
		t.Errorf("got %+v, want 32 done and none left", got)
	}
}

// The real thing beside the counting: all of these should take the same time.
func BenchmarkFailure(b *testing.B) {
	const cost = 10
	for _, bb := range []struct{ name, hash, password string }{
		{"no user", "", "guess"},
		{"wrong", hashAt(b, "swordfish", cost), "guess"},
		{"wrong at cost 4", hashAt(b, "swordfish", 4), "guess"},
		{"wrong at cost 8", hashAt(b, "swordfish", 8), "guess"},
		{"60 kB", hashAt(b, "swordfish", cost), strings.Repeat("x", 60_000)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			p := newPool(b, credentials.PoolConfig{Cost: cost, Workers: 1})
			for b.Loop() {
				if _, err := p.Check(b.Context(), bb.hash, bb.password, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
