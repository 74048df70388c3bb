package keys_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/keys"
)

// adjust stores what the ring lacks for what is needed.
func adjust(tb testing.TB, r *keys.Ring, now time.Time, needed ...keys.Algorithm) *keys.Ring {
	tb.Helper()
	plan, err := r.Adjust(now, tokenLife, needed...)
	if err != nil {
		tb.Fatal(err)
	}
	next := store(r, plan)
	if again, err := next.Adjust(now.Add(time.Second), tokenLife, needed...); err != nil || len(again) > 0 {
		tb.Errorf("adjusting once more: got %d changes, %v, want none", len(again), err)
	}
	return next
}

// first returns a ring of one key, which signs at epoch.
func first(tb testing.TB, alg keys.Algorithm) *keys.Ring {
	tb.Helper()
	plan, err := keys.NewRing(nil).Rotate(epoch, alg, tokenLife)
	if err != nil {
		tb.Fatal(err)
	}
	return keys.NewRing(plan)
}

// own returns the keys of the lines beside the main one, oldest first.
func own(r *keys.Ring) []keys.Key {
	return slices.DeleteFunc(r.Keys(), func(k keys.Key) bool { return !k.ForAudiences })
}

// stateOf returns the state of a key as the ring knows it.
func stateOf(r *keys.Ring, id string, at time.Time) keys.State {
	for _, k := range r.Keys() {
		if k.ID == id {
			return r.State(k, at)
		}
	}
	return "unknown"
}

// wantSigner checks which algorithm signs for audiences that ask for alg.
func wantSigner(tb testing.TB, r *keys.Ring, at time.Time, alg, want keys.Algorithm) keys.Key {
	tb.Helper()
	k, err := r.SigningKeyFor(at, alg)
	if err != nil || k.Algorithm != want {
		tb.Errorf("after %s, for %q: got %q, %v, want %q to sign", at.Sub(epoch), alg, k.Algorithm, err, want)
	}
	return k
}

func TestLineIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	ring := adjust(t, first(t, keys.ES256), epoch.Add(time.Hour), keys.EdDSA, keys.ES256, "")
	signs := epoch.Add(time.Hour + keys.Lead)
	for _, tt := range []struct {
		at    time.Time
		want  keys.Algorithm
		state keys.State
	}{
		{epoch.Add(time.Hour), keys.ES256, keys.Announced},
		{signs.Add(-time.Millisecond), keys.ES256, keys.Announced},
		{signs, keys.EdDSA, keys.Signing},
		{signs.AddDate(1, 0, 0), keys.EdDSA, keys.Signing},
	} {
		wantSigner(t, ring, tt.at, keys.EdDSA, tt.want)
		wantSigner(t, ring, tt.at, keys.ES256, keys.ES256)
		wantSigner(t, ring, tt.at, keys.RS256, keys.ES256) // nobody asked for it
		if main, err := ring.SigningKey(tt.at); err != nil || main.Algorithm != keys.ES256 || ring.State(main, tt.at) != keys.Signing {
			t.Errorf("main line: got %s, %v, want the ES256 key, signing", main.Algorithm, err)
		}
		if got := ring.State(own(ring)[0], tt.at); len(own(ring)) != 1 || got != tt.state {
			t.Errorf("after %s: got %d keys, %s, want one, %s", tt.at.Sub(epoch), len(own(ring)), got, tt.state)
		}
	}
	token, err := ring.SignFor(signs, keys.EdDSA, typ, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseSet(t, ring.Document(epoch.Add(time.Hour)).JSON).Verify(token, typ); err != nil {
		t.Errorf("by the key set of when it was announced: %v", err)
	}
	if _, err := keys.NewRing(nil).SignFor(epoch, keys.EdDSA, typ, nil); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("signing with nothing: got %v, want ErrNoKey", err)
	}
}

func TestLineEnds(t *testing.T) {
	t.Parallel()
	ring := adjust(t, first(t, keys.ES256), epoch, keys.EdDSA)
	removed := epoch.Add(time.Hour)
	ring = adjust(t, ring, removed)
	stops := removed.Add(3 * keys.Skew)
	gone := stops.Add(tokenLife + 2*keys.Skew)
	key := own(ring)[0]
	for at, want := range map[time.Time]keys.State{
		removed: keys.Signing, stops: keys.Retiring, gone.Add(-time.Millisecond): keys.Retiring, gone: keys.Gone,
	} {
		if got := ring.State(key, at); got != want {
			t.Errorf("%s after the removal: got %s, want %s", at.Sub(removed), got, want)
		}
	}
	wantSigner(t, ring, stops, keys.EdDSA, keys.ES256)

	// An audience is added again: a key that everybody still knows goes on.
	again := adjust(t, ring, gone.Add(-2*keys.Skew-time.Second), keys.EdDSA)
	if k := wantSigner(t, again, gone, keys.EdDSA, keys.EdDSA); k.ID != key.ID {
		t.Errorf("added again: got key %s, want %s", k.ID, key.ID)
	}
	// One that some nodes may have forgotten does not.
	late := adjust(t, ring, gone.Add(-2*keys.Skew), keys.EdDSA)
	if got := len(own(late)); got != 2 || late.State(key, gone) != keys.Gone {
		t.Errorf("added again at the last moment: got %d keys, want the old one to go and another to be announced", got)
	}

	// What never signed need not stay.
	early := adjust(t, adjust(t, first(t, keys.ES256), epoch, keys.EdDSA), epoch.Add(time.Minute))
	if got := early.State(own(early)[0], epoch.Add(time.Minute)); got != keys.Gone {
		t.Errorf("removed before it signed: got %s, want it gone", got)
	}
}

// Where the main line changes its algorithm, the lines change with it, to the moment.
func TestMainLineTakesOverAndHandsOver(t *testing.T) {
	t.Parallel()
	ring := adjust(t, first(t, keys.ES256), epoch, keys.EdDSA, keys.ES256)
	now := epoch.Add(time.Hour)
	plan, err := ring.Rotate(now, keys.EdDSA, tokenLife, keys.EdDSA, keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if plan[0].ForAudiences || plan[0].Algorithm != keys.EdDSA {
		t.Errorf("got %v first in the plan, want the new main key", plan[0])
	}
	ring = store(ring, plan)
	turn := now.Add(keys.Lead)
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.ES256} {
		before := wantSigner(t, ring, turn.Add(-time.Millisecond), alg, alg)
		after := wantSigner(t, ring, turn, alg, alg)
		if before.ForAudiences != (alg == keys.EdDSA) || after.ForAudiences != (alg == keys.ES256) {
			t.Errorf("%s: the main line signs: %t, then %t", alg, !before.ForAudiences, !after.ForAudiences)
		}
	}
	if more, err := ring.Adjust(now, tokenLife, keys.EdDSA, keys.ES256); err != nil || len(more) > 0 {
		t.Errorf("adjusting once more: got %d changes, %v, want none", len(more), err)
	}

	// The rotation is called off: the line that was to end goes on, the other is not needed.
	called, err := ring.Retire(now.Add(time.Minute), plan[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	ring = adjust(t, store(ring, called), now.Add(time.Minute), keys.EdDSA, keys.ES256)
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.ES256} {
		if k := wantSigner(t, ring, turn.AddDate(1, 0, 0), alg, alg); k.ForAudiences != (alg == keys.EdDSA) {
			t.Errorf("called off: %s is signed by the main line: %t", alg, !k.ForAudiences)
		}
	}
}

func TestRotateLine(t *testing.T) {
	t.Parallel()
	ring := adjust(t, first(t, keys.ES256), epoch, keys.EdDSA)
	if _, err := ring.RotateLine(epoch, keys.EdDSA, tokenLife); !errors.Is(err, keys.ErrAnnounced) {
		t.Errorf("while its first key waits: got %v, want ErrAnnounced", err)
	}
	if _, err := ring.Rotate(epoch, keys.ES256, tokenLife, keys.EdDSA); err != nil {
		t.Errorf("main line meanwhile: %v", err)
	}
	if _, err := ring.RotateLine(epoch, keys.RS256, tokenLife); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("a line there is not: got %v, want ErrNoKey", err)
	}
	now := epoch.Add(time.Hour)
	old := own(ring)[0]
	plan, err := ring.RotateLine(now, keys.EdDSA, tokenLife)
	if err != nil {
		t.Fatal(err)
	}
	ring = store(ring, plan)
	signs := now.Add(keys.Lead)
	main, err := ring.SigningKey(signs)
	if err != nil || main.ForAudiences || !main.PublishedUntil.IsZero() {
		t.Errorf("main line: got %v, %v, want it as it was", main, err)
	}
	if k := wantSigner(t, ring, signs, keys.EdDSA, keys.EdDSA); k.ID == old.ID {
		t.Error("the old key signs after its rotation")
	}
	if got := stateOf(ring, old.ID, signs); got != keys.Retiring {
		t.Errorf("old key: got %s, want it retiring", got)
	}
	if long := ring.Lengthen(now, 2*tokenLife); len(long) != 1 || long[0].ID != old.ID {
		t.Errorf("lengthening: got %v, want the old key of the line", long)
	}
	// The line ends while its next key waits: that one never signs, the old one stops.
	ended := adjust(t, ring, now.Add(time.Minute))
	if diff := cmp.Diff([]keys.State{keys.Retiring, keys.Gone}, []keys.State{
		stateOf(ended, old.ID, now.Add(time.Minute+3*keys.Skew)), stateOf(ended, plan[0].ID, now.Add(time.Minute)),
	}); diff != "" {
		t.Errorf("ended while one waits (-want +got):\n%s", diff)
	}
	wantSigner(t, ended, signs, keys.EdDSA, keys.ES256)
}

func TestRotateNowReplacesEveryLine(t *testing.T) {
	t.Parallel()
	ring := adjust(t, first(t, keys.ES256), epoch, keys.EdDSA)
	now := epoch.Add(time.Hour)
	plan, err := ring.RotateNow(now, keys.ES256, keys.EdDSA, keys.ES256, keys.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	next := store(ring, plan)
	for _, skew := range skews {
		for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
			if k := wantSigner(t, next, now.Add(skew), alg, alg); !k.CreatedAt.Equal(now) {
				t.Errorf("%s: got a key of %s, want a new one", alg, k.CreatedAt)
			}
		}
		for _, k := range ring.Keys() {
			if got := stateOf(next, k.ID, now.Add(skew)); got != keys.Gone {
				t.Errorf("old key %s: got %s, want it gone", k.Algorithm, got)
			}
		}
	}
	if got := len(next.Keys()); got != 4 {
		t.Errorf("got %d keys, want two old and two new", got)
	}
}

// The promise of the schedule, played through for three lines: audiences come and go,
// the main line changes its algorithm, lines are rotated, announcements called off,
// all of it at random moments.
func TestNoVerifierMeetsAnUnknownKeyOfALine(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	algs := []keys.Algorithm{keys.ES256, keys.EdDSA}
	ring := first(t, keys.ES256)
	s := newSimulation(t, ring)
	var needed []keys.Algorithm
	var done [4]int
	plan := func(what int, plan []keys.Key, err error) {
		if err == nil {
			ring = store(ring, plan)
			done[what]++
		} else if !errors.Is(err, keys.ErrAnnounced) && !errors.Is(err, keys.ErrNoKey) {
			t.Fatal(err)
		}
	}
	for now := epoch; now.Before(epoch.Add(2 * 24 * time.Hour)); now = now.Add(simulatedStep) {
		s.fetch(now, ring)
		if random.IntN(20) == 0 {
			at := now.Add(skews[random.IntN(len(skews))])
			alg := algs[random.IntN(len(algs))]
			switch what := random.IntN(4); what {
			case 0:
				if i := slices.Index(needed, alg); i >= 0 {
					needed = slices.Delete(needed, i, i+1)
				} else {
					needed = append(needed, alg)
				}
				changed, err := ring.Adjust(at, tokenLife, needed...)
				plan(what, changed, err)
			case 1:
				changed, err := ring.Rotate(at, alg, tokenLife, needed...)
				plan(what, changed, err)
			case 2:
				changed, err := ring.RotateLine(at, alg, tokenLife)
				plan(what, changed, err)
			case 3:
				for _, k := range ring.Keys() {
					if ring.State(k, now.Add(-keys.Skew)) == keys.Announced && ring.State(k, now.Add(keys.Skew)) == keys.Announced && random.IntN(4) == 0 {
						changed, err := ring.Retire(at, k.ID)
						plan(what, changed, err)
						changed, err = ring.Adjust(at, tokenLife, needed...)
						plan(what, changed, err)
						break
					}
				}
			}
		}
		for _, alg := range append([]keys.Algorithm{""}, algs...) { // also for audiences removed a moment ago
			s.sign(now, ring, alg)
		}
		s.verify(now)
	}
	t.Logf("needs changed %d times, main line rotated %d times, others %d times, called off %d; %d keys signed", done[0], done[1], done[2], done[3], len(s.signers))
	if slices.Min(done[:]) < 10 || len(s.signers) < 50 {
		t.Error("too little happened")
	}
}
