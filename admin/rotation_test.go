package admin_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/keys"
)

func TestRotate(t *testing.T) {
	t.Parallel()
	k, c := newKeys(t)
	ensure(t, k, keys.EdDSA)
	old := signing(t, k)
	next, err := k.Rotate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if next.Algorithm != keys.EdDSA || !next.SignsFrom.Equal(day.Add(keys.Lead)) {
		t.Errorf("got %s from %v, want %s from %v", next.Algorithm, next.SignsFrom, keys.EdDSA, day.Add(keys.Lead))
	}
	wantStates(t, k, "at first", keys.Signing, keys.Announced)

	_, err = k.Rotate(t.Context(), keys.ES256)
	if !errors.Is(err, keys.ErrAnnounced) {
		t.Errorf("while one is announced: got %v, want ErrAnnounced", err)
	}
	oneLine(t, err, "wait until then, or retire that key first")
	oneLine(t, err, next.ID)

	c.now = next.SignsFrom
	if got := signing(t, k).ID; got != next.ID {
		t.Errorf("after the lead: got %s signing, want %s", got, next.ID)
	}
	// The last token of the old key lives on for tokenLife.
	c.now = next.SignsFrom.Add(tokenLife)
	wantStates(t, k, "while tokens of the old key live", keys.Retiring, keys.Signing)
	c.now = c.now.Add(keys.MaxAge)
	wantStates(t, k, "afterwards", keys.Gone, keys.Signing)
	ring, _, err := k.Ring(t.Context())
	if err != nil || len(ring.Keys()) != 1 {
		t.Errorf("ring: got %d keys, %v, want the one not gone", len(ring.Keys()), err)
	}
	if err := k.Retire(t.Context(), old.ID); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("retiring a key that is gone: got %v, want ErrUnknownKey", err)
	}
}

func TestEnsureChangesAlgorithm(t *testing.T) {
	t.Parallel()
	k, c := newKeys(t)
	ensure(t, k, keys.ES256)
	got := ensure(t, k, keys.EdDSA)
	list, err := k.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d keys, %v, want 2", len(list), err)
	}
	next := list[0]
	if next.State != keys.Announced {
		next = list[1]
	}
	want := "announced signing key " + next.ID + " (EdDSA), which signs from " + day.Add(keys.Lead).Format(time.RFC3339)
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := ensure(t, k, keys.EdDSA); again != "" {
		t.Errorf("next start: got %q, want nothing done", again)
	}
	wantStates(t, k, "at first", keys.Signing, keys.Announced)
	c.now = c.now.Add(keys.Lead)
	if got := signing(t, k).Algorithm; got != keys.EdDSA {
		t.Errorf("after the lead: got %s signing, want EdDSA", got)
	}
	if again := ensure(t, k, keys.EdDSA); again != "" {
		t.Errorf("start after the lead: got %q, want nothing done", again)
	}
}

// A machine that wakes up in the past must not make keys of its own.
func TestEnsureWithClockInThePast(t *testing.T) {
	t.Parallel()
	k, c := newKeys(t)
	ensure(t, k, keys.ES256)
	c.now = day.AddDate(-1, 0, 0)
	_, err := k.Ensure(t.Context(), keys.ES256)
	if !errors.Is(err, keys.ErrAnnounced) {
		t.Errorf("got %v, want ErrAnnounced", err)
	}
	oneLine(t, err, "check the clock of this machine")
}

func TestRotateNow(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	ensure(t, k, keys.EdDSA)
	if _, err := k.Rotate(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	key, err := k.RotateNow(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := signing(t, k); got.ID != key.ID || got.Algorithm != keys.EdDSA {
		t.Errorf("signing: got %s (%s), want %s (EdDSA)", got.ID, got.Algorithm, key.ID)
	}
	wantStates(t, k, "afterwards", keys.Gone, keys.Gone, keys.Signing)
	if _, err := k.RotateNow(t.Context(), "HS256"); err == nil {
		t.Error("unknown algorithm: got no error, want one")
	}
	if got := signing(t, k).ID; got != key.ID {
		t.Errorf("after a refusal: got %s signing, want %s", got, key.ID)
	}
}

func TestRotateNowWithoutKeys(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	key, err := k.RotateNow(t.Context(), "")
	if err != nil || key.Algorithm != keys.ES256 {
		t.Errorf("got %s, %v, want an ES256 key", key.Algorithm, err)
	}
	wantStates(t, k, "afterwards", keys.Signing)
}

func TestRetire(t *testing.T) {
	t.Parallel()
	k, c := newKeys(t)
	ensure(t, k, keys.EdDSA)
	first := signing(t, k)
	if err := k.Retire(t.Context(), first.ID); !errors.Is(err, keys.ErrSigning) {
		t.Errorf("signing key: got %v, want ErrSigning", err)
	}
	if err := k.Retire(t.Context(), "nothing"); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("unknown key: got %v, want ErrUnknownKey", err)
	}

	announced, err := k.Rotate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Retire(t.Context(), announced.ID); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.AddDate(1, 0, 0)
	wantStates(t, k, "a year after a rotation called off", keys.Signing, keys.Gone)

	next, err := k.Rotate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	c.now = next.SignsFrom
	if err := k.Retire(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	wantStates(t, k, "with the old key retired early", keys.Gone, keys.Gone, keys.Signing)
}

// Operators on several machines: each change is decided on what the one before
// left, so nothing is lost and nothing is done twice.
func TestConcurrentRotations(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	ensure(t, k, keys.EdDSA)
	var mu sync.Mutex
	rotated := 0
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := k.Rotate(t.Context(), "")
			if err != nil && !errors.Is(err, keys.ErrAnnounced) {
				t.Errorf("got %v, want no error or ErrAnnounced", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				rotated++
			}
		})
	}
	wg.Wait()
	if rotated != 1 {
		t.Errorf("got %d rotations, want 1", rotated)
	}
	wantStates(t, k, "afterwards", keys.Signing, keys.Announced)

	for range 6 {
		wg.Go(func() {
			if _, err := k.RotateNow(t.Context(), ""); err != nil {
				t.Errorf("rotating at once: got %v, want no error", err)
			}
		})
	}
	wg.Wait()
	living := 0
	for _, s := range states(t, k) {
		if s != keys.Gone {
			living++
		}
	}
	if living != 1 {
		t.Errorf("got %d keys that are not gone, want 1", living)
	}
}

func TestEnsureKeepsAKeyForLongerTokens(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	ensure(t, k, keys.ES256)
	if _, err := k.Rotate(t.Context(), keys.ES256); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Store.RaiseAccessTokenTTL(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	changed, err := k.Ensure(t.Context(), keys.ES256)
	if err != nil || !strings.Contains(changed, "stays published until") {
		t.Errorf("got %q (%v), want the old key kept", changed, err)
	}
	if changed, err = k.Ensure(t.Context(), keys.ES256); changed != "" || err != nil {
		t.Errorf("got %q (%v), want nothing to do", changed, err)
	}
}
