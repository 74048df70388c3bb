package admin_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

const api = "https://api.example"

func newAudiences(tb testing.TB, main keys.Algorithm) (*admin.Audiences, *clock) {
	tb.Helper()
	k, c := newKeys(tb)
	ensure(tb, k, main)
	return &admin.Audiences{Keys: k}, c
}

func addAudience(tb testing.TB, a *admin.Audiences, n admin.NewAudience) admin.Signer {
	tb.Helper()
	_, by, err := a.Add(tb.Context(), n, false)
	if err != nil {
		tb.Fatal(err)
	}
	return by
}

// wantSigner checks the algorithm that signs for audiences that ask for alg.
func wantSigner(tb testing.TB, k *admin.Keys, alg, want keys.Algorithm) {
	tb.Helper()
	ring, _, err := k.Ring(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ring.SigningKeyFor(k.Now(), alg)
	if err != nil || key.Algorithm != want {
		tb.Errorf("for %q: got %q, %v, want %q to sign", alg, key.Algorithm, err, want)
	}
}

func TestAddAudience(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	ttl := 10 * time.Minute
	got, by, err := a.Add(t.Context(), admin.NewAudience{
		URI: api, Algorithm: keys.EdDSA, Type: "JWT", ExtraClaims: []string{"role", "azp", "role"}, TTL: &ttl,
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := storage.Audience{URI: api, Algorithm: "EdDSA", Type: "JWT", ExtraClaims: []string{"azp", "role"}, TTL: ttl, CreatedAt: day}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	from := day.Add(keys.Lead)
	if want := (admin.Signer{Now: keys.ES256, Next: keys.EdDSA, From: from}); by != want {
		t.Errorf("signed by: got %v, want %v", by, want)
	}
	shown, err := a.Show(t.Context(), api)
	if diff := cmp.Diff(want, shown); err != nil || diff != "" {
		t.Errorf("shown: %v (-want +got):\n%s", err, diff)
	}
	wantStates(t, a.Keys, "at first", keys.Signing, keys.Announced)
	c.now = from
	wantSigner(t, a.Keys, keys.EdDSA, keys.EdDSA)
	wantSigner(t, a.Keys, "", keys.ES256)

	// Another audience for the same line needs no other key.
	if by := addAudience(t, a, admin.NewAudience{URI: "jobs", Algorithm: keys.EdDSA}); by != (admin.Signer{Now: keys.EdDSA}) {
		t.Errorf("a second one is signed by %v, want EdDSA at once", by)
	}
	// What the server does anyway needs none either.
	for _, alg := range []keys.Algorithm{"", keys.ES256} {
		if by := addAudience(t, a, admin.NewAudience{URI: "plain" + string(alg), Algorithm: alg}); by != (admin.Signer{Now: keys.ES256}) {
			t.Errorf("asked for %q: signed by %v, want ES256 at once", alg, by)
		}
	}
	wantStates(t, a.Keys, "afterwards", keys.Signing, keys.Signing)
	list, err := a.List(t.Context())
	if err != nil || len(list) != 4 || list[0].URI != api || list[3].URI != "plainES256" {
		t.Errorf("got %v, %v, want the four by name", list, err)
	}
	if changed := ensure(t, a.Keys, keys.ES256); changed != "" {
		t.Errorf("next start: got %q, want nothing done", changed)
	}
}

func TestAddAudienceRefuses(t *testing.T) {
	t.Parallel()
	a, _ := newAudiences(t, keys.ES256)
	half, none := 1500*time.Millisecond, time.Duration(0)
	for name, tt := range map[string]struct {
		n    admin.NewAudience
		want string
	}{
		"nothing":     {admin.NewAudience{}, "an audience is empty"},
		"blanks":      {admin.NewAudience{URI: "a b"}, "without spaces"},
		"a fragment":  {admin.NewAudience{URI: api + "#x"}, "fragment"},
		"too long":    {admin.NewAudience{URI: strings.Repeat("a", 1025)}, "at most 1024"},
		"algorithm":   {admin.NewAudience{URI: api, Algorithm: "HS256"}, "HS256"},
		"typ":         {admin.NewAudience{URI: api, Type: "jwt"}, "use at+jwt or JWT"},
		"claim":       {admin.NewAudience{URI: api, ExtraClaims: []string{"azp", "email"}}, "use some of azp, scp, role, username"},
		"half second": {admin.NewAudience{URI: api, TTL: &half}, "whole seconds"},
		"no lifetime": {admin.NewAudience{URI: api, TTL: &none}, "at least 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := a.Add(t.Context(), tt.n, false)
			oneLine(t, err, tt.want)
		})
	}
	addAudience(t, a, admin.NewAudience{URI: api})
	_, _, err := a.Add(t.Context(), admin.NewAudience{URI: api, Type: "JWT"}, false)
	if !errors.Is(err, storage.ErrExists) {
		t.Errorf("a second time: got %v, want ErrExists", err)
	}
	oneLine(t, err, "update it, or remove it first")
	_, err = a.Show(t.Context(), api+"/")
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an unknown one: got %v, want ErrNotFound", err)
	}
	oneLine(t, err, `there is "`+api+`"`)
	_, err = a.Remove(t.Context(), "jobs")
	oneLine(t, err, `no audience "jobs"`)
}

func TestReplaceAudience(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.EdDSA, Type: "JWT"})
	c.now = day.Add(time.Hour)
	got, by, err := a.Add(t.Context(), admin.NewAudience{URI: api, ExtraClaims: []string{"scp"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := storage.Audience{URI: api, Type: "at+jwt", ExtraClaims: []string{"scp"}, CreatedAt: day}
	if diff := cmp.Diff(want, got); diff != "" || by != (admin.Signer{Now: keys.ES256}) {
		t.Errorf("replaced, signed by %v (-want +got):\n%s", by, diff)
	}
	c.now = c.now.Add(5 * time.Minute)
	wantStates(t, a.Keys, "without need of a line", keys.Signing, keys.Retiring)
}

func TestRemoveAudienceEndsItsLine(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	for _, uri := range []string{api, "jobs"} {
		addAudience(t, a, admin.NewAudience{URI: uri, Algorithm: keys.EdDSA})
	}
	c.now = day.Add(time.Hour)
	if ended, err := a.Remove(t.Context(), api); err != nil || len(ended) > 0 {
		t.Errorf("one of two: got %d keys ended, %v, want none", len(ended), err)
	}
	wantSigner(t, a.Keys, keys.EdDSA, keys.EdDSA)
	ended, err := a.Remove(t.Context(), "jobs")
	if err != nil || len(ended) != 1 || ended[0].Algorithm != keys.EdDSA || ended[0].PublishedUntil.Before(c.now.Add(tokenLife)) {
		t.Fatalf("the last: got %v, %v, want its key, published for its last token", ended, err)
	}
	c.now = ended[0].PublishedUntil.Add(-time.Second)
	wantStates(t, a.Keys, "while its tokens live", keys.Signing, keys.Retiring)
	c.now = ended[0].PublishedUntil
	wantStates(t, a.Keys, "afterwards", keys.Signing, keys.Gone)
}

// Tokens of this audience may outlive all others: what ends them, and the keys that
// sign them, must be kept for as long.
func TestLongLivedAudience(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	next, err := a.Keys.Rotate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	day24 := 24 * time.Hour
	addAudience(t, a, admin.NewAudience{URI: api, TTL: &day24})
	if ttl, err := a.Keys.Store.AccessTokenTTL(t.Context()); err != nil || ttl != day24 {
		t.Errorf("longest lifetime: got %s, %v, want %s", ttl, err, day24)
	}
	c.now = next.SignsFrom.Add(day24)
	wantStates(t, a.Keys, "a day after the rotation", keys.Retiring, keys.Signing)
	short := time.Minute
	if _, _, err := a.Add(t.Context(), admin.NewAudience{URI: api, TTL: &short}, true); err != nil {
		t.Fatal(err)
	}
	if ttl, err := a.Keys.Store.AccessTokenTTL(t.Context()); err != nil || ttl != day24 {
		t.Errorf("after it was shortened: got %s, %v, want %s still: tokens of before live", ttl, err, day24)
	}
}

func TestAudienceBeforeTheFirstKey(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	a := &admin.Audiences{Keys: k}
	if by := addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.EdDSA}); by != (admin.Signer{}) {
		t.Errorf("got signed by %v, want nothing known yet", by)
	}
	changed := ensure(t, k, keys.ES256)
	if !strings.Contains(changed, "made signing key for audiences ") {
		t.Errorf("first start: got %q, want both keys made", changed)
	}
	wantStates(t, k, "after the first start", keys.Signing, keys.Signing)
	wantSigner(t, k, keys.EdDSA, keys.EdDSA)
	wantSigner(t, k, "", keys.ES256)
}

func TestMainAlgorithmChangesUnderAudiences(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.ES256})
	addAudience(t, a, admin.NewAudience{URI: "jobs", Algorithm: keys.EdDSA})
	c.now = day.Add(time.Hour)
	changed := ensure(t, a.Keys, keys.EdDSA)
	if !strings.Contains(changed, "(EdDSA), which signs from") || !strings.Contains(changed, "for audiences") {
		t.Errorf("got %q, want a main key and one for audiences announced", changed)
	}
	for _, at := range []time.Time{c.now, c.now.Add(keys.Lead - time.Millisecond), c.now.Add(keys.Lead), c.now.AddDate(1, 0, 0)} {
		c.now = at
		wantSigner(t, a.Keys, keys.ES256, keys.ES256)
		wantSigner(t, a.Keys, keys.EdDSA, keys.EdDSA)
	}
	if changed := ensure(t, a.Keys, keys.EdDSA); changed != "" {
		t.Errorf("next start: got %q, want nothing done", changed)
	}
}

func TestRotateForAudiences(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	_, err := a.Keys.RotateForAudiences(t.Context(), "")
	oneLine(t, err, "no audience has a key of its own")
	addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.EdDSA})
	_, err = a.Keys.RotateForAudiences(t.Context(), "")
	if !errors.Is(err, keys.ErrAnnounced) {
		t.Errorf("while the first waits: got %v, want ErrAnnounced", err)
	}
	c.now = day.Add(time.Hour)
	_, err = a.Keys.RotateForAudiences(t.Context(), keys.ES256)
	oneLine(t, err, "only EdDSA")
	next, err := a.Keys.RotateForAudiences(t.Context(), "")
	if err != nil || !next.ForAudiences || next.Algorithm != keys.EdDSA {
		t.Fatalf("got %v, %v, want an EdDSA key for audiences", next, err)
	}
	wantStates(t, a.Keys, "one announced", keys.Signing, keys.Signing, keys.Announced)
	// Called off, it is announced no more, and the line goes on.
	if err := a.Keys.Retire(t.Context(), next.ID); err != nil {
		t.Fatal(err)
	}
	wantStates(t, a.Keys, "called off", keys.Signing, keys.Signing, keys.Gone)

	addAudience(t, a, admin.NewAudience{URI: "rs", Algorithm: keys.RS256})
	_, err = a.Keys.RotateForAudiences(t.Context(), "")
	oneLine(t, err, "name the algorithm")
}

// The only key of a line can be retired while it waits, for another to take its place:
// an audience that needs it must not be forgotten.
func TestRetireTheFirstKeyOfALine(t *testing.T) {
	t.Parallel()
	a, _ := newAudiences(t, keys.ES256)
	addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.EdDSA})
	list, err := a.Keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		if k.ForAudiences {
			if err := a.Keys.Retire(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantStates(t, a.Keys, "afterwards", keys.Signing, keys.Gone, keys.Announced)
}

func TestRotateNowCoversAudiences(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	addAudience(t, a, admin.NewAudience{URI: api, Algorithm: keys.EdDSA})
	c.now = day.Add(time.Hour)
	if _, err := a.Keys.RotateNow(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	wantStates(t, a.Keys, "after a leak", keys.Gone, keys.Gone, keys.Signing, keys.Signing)
	wantSigner(t, a.Keys, keys.EdDSA, keys.EdDSA)
}

// Operators on several machines: keys and audiences always fit.
func TestConcurrentAudiences(t *testing.T) {
	t.Parallel()
	a, c := newAudiences(t, keys.ES256)
	var wg sync.WaitGroup
	for _, uri := range []string{"a", "b", "c"} {
		wg.Go(func() {
			for range 5 {
				_, _, err := a.Add(context.WithoutCancel(t.Context()), admin.NewAudience{URI: uri, Algorithm: keys.EdDSA}, true)
				if err != nil && !errors.Is(err, storage.ErrConflict) {
					t.Error(err)
				}
				if _, err := a.Remove(t.Context(), uri); err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	left, err := a.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.now = day.Add(time.Hour)
	want := keys.ES256
	if len(left) > 0 {
		want = keys.EdDSA
	}
	wantSigner(t, a.Keys, keys.EdDSA, want)
}
