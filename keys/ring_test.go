package keys_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/keys"
)

func TestKeysAreInOrderOfCreation(t *testing.T) {
	t.Parallel()
	a, b, c := key(t, keys.ES256, epoch), key(t, keys.EdDSA, epoch.Add(1)), key(t, keys.RS256, epoch.Add(2))
	given := []keys.Key{c, a, b, {ID: "made by nobody"}}
	ring := keys.NewRing(given)
	ids := func() (ids []string) {
		for _, k := range ring.Keys() {
			ids = append(ids, k.ID)
		}
		return ids
	}
	want := []string{a.ID, b.ID, c.ID}
	if diff := cmp.Diff(want, ids()); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	given[1].ID = "changed"
	ring.Keys()[0].ID = "changed"
	if diff := cmp.Diff(want, ids()); diff != "" {
		t.Errorf("ids after a change outside (-want +got):\n%s", diff)
	}
}

func TestSigningKeyIsTheLatestAllowed(t *testing.T) {
	t.Parallel()
	older, younger := key(t, keys.ES256, epoch), key(t, keys.EdDSA, epoch)
	younger.CreatedAt = epoch.Add(time.Second)
	older.SignsFrom = epoch.Add(time.Hour) // created first, signs later
	younger.SignsFrom = epoch.Add(time.Minute)
	same := older
	same.SignsFrom = younger.SignsFrom
	for _, tt := range []struct {
		name string
		ring *keys.Ring
		at   time.Duration
		want string
	}{
		{"only one may", keys.NewRing([]keys.Key{older, younger}), time.Minute, younger.ID},
		{"both may", keys.NewRing([]keys.Key{older, younger}), time.Hour, older.ID},
		{"both from the same moment", keys.NewRing([]keys.Key{same, younger}), time.Hour, younger.ID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.ring.SigningKey(epoch.Add(tt.at))
			if err != nil || got.ID != tt.want {
				t.Errorf("got %s, %v, want %s", got.ID, err, tt.want)
			}
		})
	}
}

func TestDocumentHasPublicMembersOnly(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
		"OKP": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	ring := newRing(t, keys.ES256)
	var document struct{ Keys []map[string]string }
	if err := json.Unmarshal(ring.Document(epoch).JSON, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Keys) != len(algorithms) {
		t.Fatalf("got %d keys, want %d", len(document.Keys), len(algorithms))
	}
	algOf := make(map[string]string)
	for _, k := range ring.Keys() {
		algOf[k.ID] = string(k.Algorithm)
	}
	for _, entry := range document.Keys {
		var members []string
		for name := range entry {
			members = append(members, name)
		}
		slices.Sort(members)
		if diff := cmp.Diff(want[entry["kty"]], members); diff != "" {
			t.Errorf("%s members (-want +got):\n%s", entry["kty"], diff)
		}
		if entry["use"] != "sig" || entry["alg"] != algOf[entry["kid"]] {
			t.Errorf("got use %q and alg %q of kid %q, want sig and %q", entry["use"], entry["alg"], entry["kid"], algOf[entry["kid"]])
		}
	}
}

func TestDocumentOfNothing(t *testing.T) {
	t.Parallel()
	if got := string(keys.NewRing(nil).Document(epoch).JSON); got != `{"keys":[]}` {
		t.Errorf("got %s, want an empty list", got)
	}
}

func TestETagChangesWithTheContentOnly(t *testing.T) {
	t.Parallel()
	ring := rotate(t, keys.NewRing(nil), epoch)
	before := ring.Document(epoch)
	if !strings.HasPrefix(before.ETag, `"`) || !strings.HasSuffix(before.ETag, `"`) || len(before.ETag) < 12 {
		t.Errorf("got %s, want a quoted tag", before.ETag)
	}
	if got := store(ring, nil).Document(epoch.Add(time.Hour)).ETag; got != before.ETag {
		t.Errorf("the same keys on another node, later: got %s, want %s", got, before.ETag)
	}
	ring = rotate(t, ring, epoch.Add(time.Hour))
	announced := ring.Document(epoch.Add(time.Hour)).ETag
	if announced == before.ETag {
		t.Error("a key was announced and the tag is the same")
	}
	if got := ring.Document(epoch.Add(time.Hour + keys.Lead)).ETag; got != announced {
		t.Errorf("the signing key changed, not the set: got %s, want %s", got, announced)
	}
	if got := ring.Document(epoch.Add(3 * time.Hour)).ETag; got == announced || got == before.ETag {
		t.Error("a key is gone and the tag is an old one")
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	ring := rotate(t, rotate(t, keys.NewRing(nil), epoch), epoch)
	gone := epoch.Add(keys.Lead + tokenLife + 2*keys.Skew)
	for _, tt := range []struct {
		before time.Duration // the key leaves
		want   time.Duration
	}{
		{time.Hour, keys.MaxAge},
		{keys.MaxAge, keys.MaxAge},
		{keys.MaxAge - time.Second, keys.MaxAge - time.Second},
		{90*time.Second + 900*time.Millisecond, 90 * time.Second},
		{time.Second, time.Second},
		{time.Millisecond, time.Second},
		{0, keys.MaxAge},
		{-time.Hour, keys.MaxAge},
	} {
		if got := ring.Document(gone.Add(-tt.before)).MaxAge; got != tt.want {
			t.Errorf("%s before a key leaves: got %s, want %s", tt.before, got, tt.want)
		}
	}
}

func TestParseSetPassesOverWhatItCantUse(t *testing.T) {
	t.Parallel()
	ring := keys.NewRing([]keys.Key{key(t, keys.EdDSA, epoch)})
	id := ring.Keys()[0].ID
	entry := strings.TrimSuffix(strings.TrimPrefix(string(ring.Document(epoch).JSON), `{"keys":[`), `]}`)
	change := func(old, replacement string) string {
		changed := strings.Replace(entry, old, replacement, 1)
		if changed == entry {
			t.Fatalf("nothing to change: %s is not in %s", old, entry)
		}
		return changed
	}
	for _, tt := range []struct {
		name, entry string
		has         bool
	}{
		{"as it is", entry, true},
		{"without use", change(`"use":"sig",`, ``), true},
		{"with a member more", change(`{`, `{"x-note":"n",`), true},
		{"for encryption", change(`"use":"sig"`, `"use":"enc"`), false},
		{"without alg", change(`"alg":"EdDSA",`, ``), false},
		{"with another alg", change(`"alg":"EdDSA"`, `"alg":"ES256"`), false},
		{"with alg none", change(`"alg":"EdDSA"`, `"alg":"none"`), false},
		{"with an unknown type", change(`"kty":"OKP"`, `"kty":"XYZ"`), false},
		{"with an unknown curve", change(`"crv":"Ed25519"`, `"crv":"X25519"`), false},
		{"cut", change(`"x":"`, `"x":"A`), false},
		{"without kid", change(`"kid":"`+id+`",`, ``), false},
		{"with a private part", change(`{`, `{"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",`), false},
		{"symmetric", `{"kty":"oct","kid":"` + id + `","alg":"EdDSA","use":"sig","k":"AAAA"}`, false},
		{"no object", `1`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := parseSet(t, []byte(`{"keys":[`+tt.entry+`]}`)).Has(id); got != tt.has {
				t.Errorf("Has: got %t, want %t", got, tt.has)
			}
		})
	}
	for _, jwks := range []string{``, `{}`, `[]`, `{"keys":null}`, `{"keys":1}`, `{"keys":[]}x`, `{"keys":[],"keys":[]}`, `{"Keys":[]}`, `{"keys":[` + entry + `,` + entry + `]}`} {
		if set, err := keys.ParseSet([]byte(jwks)); err == nil {
			t.Errorf("ParseSet(%.80s): got %v, want an error", jwks, set)
		}
	}
}

// The view is exchanged whenever the time asked about leaves it; nobody may see
// half of one. The race detector watches.
func TestRingIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	ring := rotate(t, rotate(t, keys.NewRing(nil), epoch), epoch)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				now := epoch.Add(time.Duration(i*(worker+1)%30) * time.Minute)
				token, err := ring.Sign(now, typ, []byte(claims))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := ring.Verify(now, token, typ); err != nil {
					t.Errorf("at %s: %v", now, err)
				}
				if d := ring.Document(now); !json.Valid(d.JSON) || d.MaxAge < time.Second {
					t.Errorf("at %s: got document %s for %s", now, d.JSON, d.MaxAge)
				}
			}
		})
	}
	wg.Wait()
}
