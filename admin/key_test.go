package admin_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// tokenLife is the longest life of a token in these tests.
const tokenLife = time.Hour

// clock is a time tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newMaster(tb testing.TB, lines ...string) *keys.Master {
	tb.Helper()
	m, err := keys.ReadMaster(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func newKeys(tb testing.TB) (*admin.Keys, *clock) {
	tb.Helper()
	c := &clock{now: day}
	s := openStore(tb)
	if _, err := s.RaiseAccessTokenTTL(tb.Context(), tokenLife); err != nil {
		tb.Fatal(err)
	}
	return &admin.Keys{Store: s, Master: newMaster(tb, keys.NewMasterLine()), Now: c.Now}, c
}

func ensure(tb testing.TB, k *admin.Keys, alg keys.Algorithm) string {
	tb.Helper()
	changed, err := k.Ensure(tb.Context(), alg)
	if err != nil {
		tb.Fatal(err)
	}
	return changed
}

// signing returns the key that signs now.
func signing(tb testing.TB, k *admin.Keys) keys.Key {
	tb.Helper()
	ring, _, err := k.Ring(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ring.SigningKey(k.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// states lists the states of all keys, oldest first.
func states(tb testing.TB, k *admin.Keys) []keys.State {
	tb.Helper()
	list, err := k.List(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var got []keys.State
	for _, key := range list {
		got = append(got, key.State)
	}
	return got
}

func wantStates(tb testing.TB, k *admin.Keys, when string, want ...keys.State) {
	tb.Helper()
	// Keys made at one moment come in the order of their ids.
	sorted := cmpopts.SortSlices(func(a, b keys.State) bool { return a < b })
	if diff := cmp.Diff(want, states(tb, k), sorted); diff != "" {
		tb.Errorf("states %s (-want +got):\n%s", when, diff)
	}
}

func TestFirstStartMakesKey(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	changed := ensure(t, k, keys.EdDSA)
	key := signing(t, k)
	if want := "made signing key " + key.ID + " (EdDSA)"; changed != want {
		t.Errorf("got %q, want %q", changed, want)
	}
	if again := ensure(t, k, keys.EdDSA); again != "" {
		t.Errorf("second start: got %q, want nothing done", again)
	}
	wantStates(t, k, "after two starts", keys.Signing)

	list, err := k.List(t.Context())
	want := []admin.KeyStatus{{ID: key.ID, Algorithm: keys.EdDSA, State: keys.Signing, CreatedAt: key.CreatedAt, SignsFrom: key.SignsFrom}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("list: %v (-want +got):\n%s", err, diff)
	}
}

// What is stored is what signs: a token of one node is good on the next.
func TestStoredKeyVerifiesItsTokens(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k, _ := newKeys(t)
			ensure(t, k, alg)
			one, _, err := k.Ring(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			token, err := one.Sign(day, "at+jwt", []byte(`{"sub":"ann"}`))
			if err != nil {
				t.Fatal(err)
			}
			two, _, err := k.Ring(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := two.Verify(day, token, "at+jwt"); err != nil || string(got) != `{"sub":"ann"}` {
				t.Errorf("got %s, %v, want the claims", got, err)
			}
		})
	}
}

func TestStoredKeyIsSealed(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	ensure(t, k, keys.EdDSA)
	pkcs8, err := signing(t, k).MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := k.Store.SigningKeys(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %d keys, %v, want 1", len(rows), err)
	}
	if strings.Contains(string(rows[0].Sealed), string(pkcs8[len(pkcs8)-32:])) {
		t.Error("the private key is in the database in the clear")
	}
}

// Many nodes on one database, all starting at once.
func TestConcurrentStartsMakeOneKey(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	var mu sync.Mutex
	made := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			changed, err := k.Ensure(t.Context(), keys.ES256)
			if err != nil {
				t.Errorf("got %v, want no error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if changed != "" {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("got %d nodes that made a key, want 1", made)
	}
	wantStates(t, k, "after 8 starts", keys.Signing)
}

func TestOtherMasterKey(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	ensure(t, k, keys.ES256)
	id, needed := signing(t, k).ID, k.Master.ID()

	k.Master = newMaster(t, keys.NewMasterLine())
	for name, do := range map[string]func() error{
		"ring":   func() error { _, _, err := k.Ring(t.Context()); return err },
		"list":   func() error { _, err := k.List(t.Context()); return err },
		"ensure": func() error { _, err := k.Ensure(t.Context(), keys.ES256); return err },
		"rotate": func() error { _, err := k.Rotate(t.Context(), keys.ES256); return err },
		"retire": func() error { return k.Retire(t.Context(), id) },
	} {
		err := do()
		if !errors.Is(err, keys.ErrOtherMaster) {
			t.Errorf("%s: got %v, want ErrOtherMaster", name, err)
		}
		for _, want := range []string{id, needed, k.Master.ID(), "put the line of that master key back"} {
			oneLine(t, err, want)
		}
	}

	// The way out when it is lost for good.
	key, err := k.RotateNow(t.Context(), keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if got := signing(t, k).ID; got != key.ID {
		t.Errorf("signing: got %s, want %s", got, key.ID)
	}
	wantStates(t, k, "after rotating at once", keys.Gone, keys.Signing)
}

func TestOlderMasterKeyStillReads(t *testing.T) {
	t.Parallel()
	k, c := newKeys(t)
	old, current := keys.NewMasterLine(), keys.NewMasterLine()
	k.Master = newMaster(t, old)
	ensure(t, k, keys.ES256)
	k.Master = newMaster(t, current, old)
	if _, err := k.Rotate(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	// A key that changes is sealed anew, so now the older line is not needed.
	k.Master = newMaster(t, current)
	wantStates(t, k, "without the older line", keys.Signing, keys.Announced)
	c.now = c.now.Add(keys.Lead)
	wantStates(t, k, "after the lead", keys.Retiring, keys.Signing)
}

func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(*storage.SigningKey)
		want   string
	}{
		{"changed", func(row *storage.SigningKey) { row.Sealed[len(row.Sealed)-1] ^= 1 }, "restore the database from a backup"},
		{"under another id", func(row *storage.SigningKey) { row.ID = "other" }, "restore the database from a backup"},
		{"another algorithm", func(row *storage.SigningKey) { row.Algorithm = "RS256" }, "RS256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, _ := newKeys(t)
			ensure(t, k, keys.ES256)
			rows, _, err := k.Store.SigningKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.damage(&rows[0])
			k.Store = openStore(t)
			if err := k.Store.SaveSigningKeys(t.Context(), 0, rows...); err != nil {
				t.Fatal(err)
			}
			_, _, err = k.Ring(t.Context())
			oneLine(t, err, tt.want)
		})
	}
}

func TestKeysWithoutDatabase(t *testing.T) {
	t.Parallel()
	k, _ := newKeys(t)
	if err := k.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"ring":       func() error { _, _, err := k.Ring(t.Context()); return err },
		"list":       func() error { _, err := k.List(t.Context()); return err },
		"ensure":     func() error { _, err := k.Ensure(t.Context(), keys.ES256); return err },
		"rotate now": func() error { _, err := k.RotateNow(t.Context(), keys.ES256); return err },
	} {
		if err := do(); err == nil || !strings.HasPrefix(err.Error(), "reading signing keys: ") {
			t.Errorf("%s: got %v, want an error that begins with what was being done", name, err)
		}
	}
}
