package keys_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/keys"
)

const tokenLife = 10 * time.Minute

// store returns the ring with the keys of a plan added or exchanged, as the
// database would.
func store(r *keys.Ring, plan []keys.Key) *keys.Ring {
	byID := make(map[string]keys.Key)
	for _, k := range append(r.Keys(), plan...) {
		byID[k.ID] = k
	}
	return keys.NewRing(slices.Collect(maps.Values(byID)))
}

func rotate(tb testing.TB, r *keys.Ring, now time.Time) *keys.Ring {
	tb.Helper()
	plan, err := r.Rotate(now, keys.EdDSA, tokenLife)
	if err != nil {
		tb.Fatal(err)
	}
	return store(r, plan)
}

// states returns the states of all keys, oldest first.
func states(r *keys.Ring, now time.Time) []keys.State {
	var all []keys.State
	for _, k := range r.Keys() {
		all = append(all, r.State(k, now))
	}
	return all
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	empty := keys.NewRing(nil)
	if _, err := empty.SigningKey(epoch); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("signing key of nothing: got %v, want ErrNoKey", err)
	}
	if _, err := empty.Sign(epoch, typ, nil); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("signing with nothing: got %v, want ErrNoKey", err)
	}
	first := rotate(t, empty, epoch)
	second := rotate(t, first, epoch.Add(time.Hour))
	signs := epoch.Add(time.Hour + keys.Lead)
	gone := signs.Add(tokenLife + 2*keys.Skew)
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		ring *keys.Ring
		at   time.Time
		want []keys.State
	}{
		{"a first key signs at once", first, epoch, []keys.State{keys.Signing}},
		{"even by a slow clock", first, epoch.Add(-keys.Skew), []keys.State{keys.Signing}},
		{"and for ever", first, epoch.AddDate(100, 0, 0), []keys.State{keys.Signing}},
		{"a second one waits", second, epoch.Add(time.Hour), []keys.State{keys.Signing, keys.Announced}},
		{"until the last moment", second, signs.Add(-ms), []keys.State{keys.Signing, keys.Announced}},
		{"then it signs", second, signs, []keys.State{keys.Retiring, keys.Signing}},
		{"and the first retires", second, gone.Add(-ms), []keys.State{keys.Retiring, keys.Signing}},
		{"and goes", second, gone, []keys.State{keys.Gone, keys.Signing}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, states(tt.ring, tt.at)); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			signing, err := tt.ring.SigningKey(tt.at)
			if err != nil || tt.ring.State(signing, tt.at) != keys.Signing {
				t.Errorf("SigningKey: got %s, %v, want the one that is signing", signing.ID, err)
			}
		})
	}
}

func TestKeysLeavingTheDocumentAreNotAccepted(t *testing.T) {
	t.Parallel()
	ring := rotate(t, keys.NewRing(nil), epoch)
	token := sign(t, ring, epoch, claims)
	ring = rotate(t, ring, epoch)
	gone := epoch.Add(keys.Lead + tokenLife + 2*keys.Skew)
	if _, err := ring.Verify(gone.Add(-time.Millisecond), token, typ); err != nil {
		t.Errorf("retiring: %v", err)
	}
	if _, err := ring.Verify(gone, token, typ); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("gone: got %v, want ErrUnknownKey", err)
	}
	// The view of a later time must not be kept for an earlier one.
	if _, err := ring.Verify(epoch, token, typ); err != nil {
		t.Errorf("before again: %v", err)
	}
}

func TestRotateOneAtATime(t *testing.T) {
	t.Parallel()
	ring := rotate(t, rotate(t, keys.NewRing(nil), epoch), epoch)
	if _, err := ring.Rotate(epoch.Add(keys.Lead-1), keys.ES256, tokenLife); !errors.Is(err, keys.ErrAnnounced) {
		t.Errorf("while a key waits: got %v, want ErrAnnounced", err)
	}
	if _, err := ring.Rotate(epoch.Add(keys.Lead), keys.ES256, tokenLife); err != nil {
		t.Errorf("once it signs: %v", err)
	}
	if _, err := ring.Rotate(epoch.Add(keys.Lead), "none", tokenLife); err == nil {
		t.Error("unknown algorithm: got no error, want one")
	}
	if _, err := ring.RotateNow(epoch, "none"); err == nil {
		t.Error("unknown algorithm, now: got no error, want one")
	}
}

// A plan survives a database that keeps milliseconds and no time zone.
func TestPlansAreStorable(t *testing.T) {
	t.Parallel()
	now := epoch.Add(123456789).In(time.FixedZone("here", 3600))
	ring := rotate(t, keys.NewRing(nil), now)
	plan, err := ring.Rotate(now, keys.EdDSA, tokenLife)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(plan, ring.Keys()...) {
		for _, at := range []time.Time{k.CreatedAt, k.SignsFrom, k.PublishedUntil} {
			if !at.IsZero() && !at.Equal(time.UnixMilli(at.UnixMilli())) || at.Location() != time.UTC {
				t.Errorf("got %v, want UTC in whole milliseconds", at)
			}
		}
	}
}

func TestRotateNow(t *testing.T) {
	t.Parallel()
	ring := rotate(t, rotate(t, keys.NewRing(nil), epoch), epoch) // one signs, one is announced
	old := sign(t, ring, epoch, claims)
	now := epoch.Add(time.Minute)
	plan, err := ring.RotateNow(now, keys.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan) != 3 {
		t.Fatalf("got a plan of %d keys, want the new one and the 2 it replaces", len(plan))
	}
	ring = store(ring, plan)
	// At once means on slow nodes too: they must not sign with a leaked key.
	for _, skew := range []time.Duration{-keys.Skew, 0, keys.Skew} {
		at := now.Add(skew)
		signing, err := ring.SigningKey(at)
		if err != nil || signing.ID != plan[0].ID {
			t.Errorf("clock off by %s: got key %s, %v, want the new one", skew, signing.ID, err)
		}
		if _, err := ring.Verify(at, old, typ); !errors.Is(err, keys.ErrInvalid) {
			t.Errorf("clock off by %s: old token: got %v, want ErrInvalid", skew, err)
		}
	}
	again, err := ring.RotateNow(now.Add(time.Second), keys.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != 2 {
		t.Errorf("got a plan of %d keys, want 2: what is gone stays as it is", len(again))
	}
	ring = store(ring, again)
	if signing, err := ring.SigningKey(now.Add(time.Second)); err != nil || signing.ID != again[0].ID {
		t.Errorf("a second leak: got key %s, %v, want the newest", signing.ID, err)
	}
}

func TestRetire(t *testing.T) {
	t.Parallel()
	ring := rotate(t, rotate(t, keys.NewRing(nil), epoch), epoch)
	now := epoch.Add(keys.Lead)
	retiring, signing := ring.Keys()[0], ring.Keys()[1]
	if ring.State(retiring, now) != keys.Retiring {
		retiring, signing = signing, retiring // created in one moment
	}
	if _, err := ring.Retire(now, signing.ID); !errors.Is(err, keys.ErrSigning) {
		t.Errorf("signing key: got %v, want ErrSigning", err)
	}
	if _, err := ring.Retire(now, "nope"); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("unknown key: got %v, want ErrUnknownKey", err)
	}
	plan, err := ring.Retire(now, retiring.ID)
	if err != nil {
		t.Fatal(err)
	}
	ring = store(ring, plan)
	if got := ring.State(plan[0], now); got != keys.Gone || plan[0].ID != retiring.ID {
		t.Errorf("retired %s: got %s of %s, want it gone", retiring.ID, got, plan[0].ID)
	}
	if _, err := ring.Retire(now, retiring.ID); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("gone key: got %v, want ErrUnknownKey", err)
	}
}

// Announcing a key set an end to the one that signs. When the announcement is
// called off, that end must go too, or some day no key would sign.
func TestRetiringAnAnnouncedKeyCallsTheRotationOff(t *testing.T) {
	t.Parallel()
	ring := rotate(t, keys.NewRing(nil), epoch)
	signing := ring.Keys()[0]
	ring = rotate(t, ring, epoch.Add(time.Minute))
	announced := ring.Keys()[1]
	plan, err := ring.Retire(epoch.Add(2*time.Minute), announced.ID)
	if err != nil {
		t.Fatal(err)
	}
	ring = store(ring, plan)
	much := epoch.AddDate(1, 0, 0)
	if got, err := ring.SigningKey(much); err != nil || got.ID != signing.ID {
		t.Errorf("a year later: got key %s, %v, want %s", got.ID, err, signing.ID)
	}
	if diff := cmp.Diff([]keys.State{keys.Signing, keys.Gone}, states(ring, much)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if _, err := ring.Rotate(much, keys.EdDSA, tokenLife); err != nil {
		t.Errorf("rotating afterwards: %v", err)
	}
}

// The promise of the schedule, played through for the main line.
func TestNoVerifierMeetsAnUnknownKey(t *testing.T) {
	t.Parallel()
	const (
		rotations = 50
		every     = 25 * time.Minute
	)
	ring := rotate(t, keys.NewRing(nil), epoch)
	s := newSimulation(t, ring)
	rotated := 0
	for now := epoch; rotated < rotations || now.Before(epoch.Add((rotations+1)*every)); now = now.Add(simulatedStep) {
		s.fetch(now, ring)
		if rotated < rotations && now.Equal(epoch.Add(time.Duration(rotated+1)*every)) {
			ring = rotate(t, ring, now.Add(skews[rotated%len(skews)]))
			rotated++
		}
		s.sign(now, ring, "")
		s.verify(now)
	}
	if got := len(ring.Keys()); got != rotations+1 {
		t.Errorf("got %d keys, want %d", got, rotations+1)
	}
}

// kidReader returns a function that reads the key ids of a document, once for
// each content.
func kidReader(t *testing.T) func(keys.Document) map[string]bool {
	read := make(map[string]map[string]bool)
	return func(d keys.Document) map[string]bool {
		if ids, ok := read[d.ETag]; ok {
			return ids
		}
		var set struct{ Keys []struct{ Kid string } }
		if err := json.Unmarshal(d.JSON, &set); err != nil {
			t.Fatal(err)
		}
		ids := make(map[string]bool)
		for _, k := range set.Keys {
			ids[k.Kid] = true
		}
		read[d.ETag] = ids
		return ids
	}
}

// A server restarted with a longer token lifetime while a key waits to sign.
func TestLengthen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	plan, err := keys.NewRing(nil).Rotate(now, keys.EdDSA, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	alone := keys.NewRing(plan)
	if got := alone.Lengthen(now, time.Hour); got != nil {
		t.Errorf("without a successor: got %v, want no change", got)
	}
	if plan, err = alone.Rotate(now, keys.EdDSA, time.Minute); err != nil {
		t.Fatal(err)
	}
	next, old := plan[0], plan[1]
	ring := keys.NewRing(plan)
	if got := ring.Lengthen(now, time.Minute); got != nil {
		t.Errorf("for a life reckoned with: got %v, want no change", got)
	}
	got := ring.Lengthen(now, time.Hour)
	if want := next.SignsFrom.Add(time.Hour + 2*keys.Skew); len(got) != 1 || got[0].ID != old.ID || !got[0].PublishedUntil.Equal(want) {
		t.Errorf("got %v, want %s published until %s", got, old.ID, want)
	}
	if got := ring.Lengthen(next.SignsFrom, time.Hour); got != nil {
		t.Errorf("once the successor signs: got %v, want no change", got)
	}
}
