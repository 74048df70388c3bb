package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func keyTests() []test {
	return []test{
		{"come back as they were given, oldest first", testKeyRoundTrip},
		{"are rescheduled and keep their age", testKeyReschedule},
		{"are saved only over the version that was read", testKeyConflict},
		{"are saved by one, however many read the same version", testKeyAtOnce},
	}
}

func testKeyRoundTrip(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	got, version, err := s.SigningKeys(ctx)
	check(t, err)
	if len(got) != 0 || version != 0 {
		t.Errorf("a new database: got keys %v of version %d, want none of 0", got, version)
	}
	now := s.clock.Now()
	key := func(id string, created time.Duration) storage.SigningKey {
		return storage.SigningKey{
			ID: id, Algorithm: "ES256", Sealed: []byte("\x00\xff" + id), CreatedAt: now.Add(created), SignsFrom: now.Add(created + time.Minute),
		}
	}
	want := []storage.SigningKey{
		key("y", -time.Hour), key("B", 0), key("_c", 0), key("a", 0), key("x", time.Hour),
		{ID: strings.Repeat("k", 43), Algorithm: "EdDSA", Sealed: []byte(strings.Repeat("\x00", 4000)), CreatedAt: now.Add(2 * time.Hour),
			SignsFrom: now.Add(2*time.Hour + time.Millisecond), PublishedUntil: now.Add(1000 * time.Hour)},
	}
	check(t, s.SaveSigningKeys(ctx, 0, want[5], want[3], want[1]))
	check(t, s.SaveSigningKeys(ctx, 1, want[4], want[2], want[0]))
	got, version, err = s.SigningKeys(ctx)
	check(t, err)
	equal(t, "keys", got, want)
	equal(t, "version", version, int64(2))
}

func testKeyReschedule(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	now := s.clock.Now()
	old := storage.SigningKey{ID: "old", Algorithm: "ES256", Sealed: []byte("sealed"), CreatedAt: now, SignsFrom: now}
	check(t, s.SaveSigningKeys(ctx, 0, old))

	changed := storage.SigningKey{ID: "old", Algorithm: "RS256", Sealed: []byte("resealed"),
		CreatedAt: now.Add(time.Hour), SignsFrom: now.Add(time.Minute), PublishedUntil: now.Add(2 * time.Hour)}
	next := storage.SigningKey{ID: "next", Algorithm: "EdDSA", Sealed: []byte("n"), CreatedAt: now.Add(time.Hour), SignsFrom: now.Add(time.Hour)}
	check(t, s.SaveSigningKeys(ctx, 1, changed, next))
	want := changed
	want.Algorithm, want.CreatedAt = old.Algorithm, old.CreatedAt // a key is what it was made as
	got, _, err := s.SigningKeys(ctx)
	check(t, err)
	equal(t, "keys", got, []storage.SigningKey{want, next})
}

func testKeyConflict(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ctx := t.Context()
	first := storage.SigningKey{ID: "first", Algorithm: "ES256", Sealed: []byte("s"), CreatedAt: nodes[0].clock.Now()}
	check(t, nodes[0].SaveSigningKeys(ctx, 0, first))
	for _, version := range []int64{0, 2, -1} {
		late := storage.SigningKey{ID: "late", Algorithm: "ES256", Sealed: []byte("l")}
		wantErr(t, fmt.Sprint("version ", version), nodes[1].SaveSigningKeys(ctx, version, late), storage.ErrConflict)
	}
	got, version, err := nodes[1].SigningKeys(ctx)
	check(t, err)
	first.SignsFrom = time.Time{}
	equal(t, "keys", got, []storage.SigningKey{first})
	equal(t, "version", version, int64(1))
}

func testKeyAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	var winner atomic.Int64
	winner.Store(-1)
	together(t, 16, func(ctx context.Context, i int) error {
		err := nodes[i%2].SaveSigningKeys(ctx, 0, storage.SigningKey{ID: fmt.Sprint("key-", i), Algorithm: "ES256", Sealed: []byte("s")})
		if errors.Is(err, storage.ErrConflict) {
			return nil
		}
		if err == nil && !winner.CompareAndSwap(-1, int64(i)) {
			return errors.New("saved, though another did")
		}
		return err
	})
	got, version, err := nodes[0].SigningKeys(t.Context())
	check(t, err)
	want := fmt.Sprint("key-", winner.Load())
	if len(got) != 1 || got[0].ID != want || version != 1 {
		t.Errorf("got keys %v of version %d, want %s alone, of version 1", got, version, want)
	}
}
