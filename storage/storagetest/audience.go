package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func audienceTests() []test {
	return []test{
		{"come back as they were given, by name", testAudienceRoundTrip},
		{"are replaced but for their age", testAudienceReplace},
		{"are deleted", testAudienceDelete},
		{"are saved with the keys they need or not at all", testAudienceKeys},
		{"raise the longest lifetime of tokens", testAudienceTTL},
		{"are saved by one, however many read the same version", testAudienceAtOnce},
		{"are reported to other nodes", testAudienceChanged},
	}
}

func testAudienceRoundTrip(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	got, err := s.Audiences(ctx)
	check(t, err)
	equal(t, "a new database", len(got), 0)
	want := []storage.Audience{
		{URI: "B", Type: "at+jwt", ExtraClaims: []string{}, CreatedAt: s.clock.Now()},
		{URI: "https://api.example/ä?x=1", Algorithm: "RS256", Type: "JWT", ExtraClaims: []string{"azp", "scp"}, TTL: 90 * time.Second, CreatedAt: s.clock.Now().Add(-time.Hour)},
		{URI: "https://api.example/ä?x=1/", Type: "at+jwt", ExtraClaims: []string{"role"}, TTL: 10000 * time.Hour, CreatedAt: s.clock.Now()},
	}
	for i, a := range []storage.Audience{want[2], want[0], want[1]} {
		if a.CreatedAt.Equal(s.clock.Now()) {
			a.CreatedAt = time.Time{} // it is given one
		}
		check(t, s.SaveAudience(ctx, int64(i), a))
	}
	got, err = s.Audiences(ctx)
	check(t, err)
	equal(t, "audiences", got, want)
}

func testAudienceReplace(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	made := s.clock.Now()
	check(t, s.SaveAudience(ctx, 0, storage.Audience{URI: "a", Algorithm: "RS256", Type: "JWT", ExtraClaims: []string{"azp"}, TTL: time.Hour}))
	s.clock.Advance(time.Minute)
	check(t, s.SaveAudience(ctx, 1, storage.Audience{URI: "a", Type: "at+jwt"}))
	got, err := s.Audiences(ctx)
	check(t, err)
	equal(t, "audiences", got, []storage.Audience{{URI: "a", Type: "at+jwt", ExtraClaims: []string{}, CreatedAt: made}})
}

func testAudienceDelete(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	check(t, s.SaveAudience(ctx, 0, storage.Audience{URI: "a"}))
	wantErr(t, "another", s.DeleteAudience(ctx, 1, "A"), storage.ErrNotFound)
	wantErr(t, "of another version", s.DeleteAudience(ctx, 0, "a"), storage.ErrConflict)
	check(t, s.DeleteAudience(ctx, 1, "a"))
	wantErr(t, "again", s.DeleteAudience(ctx, 2, "a"), storage.ErrNotFound)
	got, err := s.Audiences(ctx)
	check(t, err)
	equal(t, "audiences left", len(got), 0)
}

func testAudienceKeys(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	key := storage.SigningKey{
		ID: "k", Algorithm: "RS256", Sealed: []byte("s"), ForAudiences: true,
		CreatedAt: s.clock.Now(), SignsFrom: s.clock.Now().Add(time.Minute),
	}
	wantErr(t, "over another version", s.SaveAudience(ctx, 1, storage.Audience{URI: "a", TTL: time.Hour}, key), storage.ErrConflict)
	keys, version, err := s.SigningKeys(ctx)
	check(t, err)
	audiences, err := s.Audiences(ctx)
	check(t, err)
	if ttl, err := s.AccessTokenTTL(ctx); err != nil || ttl != 0 || len(keys)+len(audiences) > 0 || version != 0 {
		t.Errorf("after a conflict: got %d keys of version %d, %d audiences, lifetime %s (%v), want nothing", len(keys), version, len(audiences), ttl, err)
	}

	check(t, s.SaveAudience(ctx, 0, storage.Audience{URI: "a"}, key))
	ending := key
	ending.SignsUntil, ending.PublishedUntil = s.clock.Now().Add(time.Hour), s.clock.Now().Add(2*time.Hour)
	wantErr(t, "deleting another", s.DeleteAudience(ctx, 1, "b", ending), storage.ErrNotFound)
	keys, version, err = s.SigningKeys(ctx)
	check(t, err)
	equal(t, "version", version, int64(1))
	equal(t, "keys", keys, []storage.SigningKey{key})
	check(t, s.DeleteAudience(ctx, 1, "a", ending))
	keys, _, err = s.SigningKeys(ctx)
	check(t, err)
	equal(t, "keys", keys, []storage.SigningKey{ending})
}

func testAudienceTTL(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for i, tt := range []struct{ ttl, longest time.Duration }{
		{time.Hour, time.Hour}, {time.Minute, time.Hour}, {0, time.Hour}, {2 * time.Hour, 2 * time.Hour},
	} {
		check(t, s.SaveAudience(ctx, int64(i), storage.Audience{URI: "a", TTL: tt.ttl}))
		if got, err := s.AccessTokenTTL(ctx); err != nil || got != tt.longest {
			t.Errorf("after %s: got %s, %v, want %s", tt.ttl, got, err, tt.longest)
		}
	}
	ann := s.user(t, "ann")
	check(t, s.EndUserSessions(ctx, "ann"))
	for _, r := range s.since(t, 0) {
		if want := s.clock.Now().Add(2 * time.Hour); r.Key == ann.ID && r.Until.Before(want) {
			t.Errorf("a user's end is kept until %s, want at least until %s", r.Until, want)
		}
	}
}

func testAudienceAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	var won atomic.Int64
	together(t, 16, func(ctx context.Context, i int) error {
		err := nodes[i%2].SaveAudience(ctx, 0, storage.Audience{URI: fmt.Sprint(i), TTL: time.Hour})
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, storage.ErrConflict) {
			return nil
		}
		return err
	})
	got, err := nodes[0].Audiences(t.Context())
	check(t, err)
	if won.Load() != 1 || len(got) != 1 {
		t.Errorf("got %d saved and %d there, want one", won.Load(), len(got))
	}
}

func testAudienceChanged(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ctx := t.Context()
	soon(t, "nothing to read at first", func() bool {
		changed, err := nodes[1].Changed(ctx)
		check(t, err)
		return !changed
	})
	check(t, nodes[0].SaveAudience(ctx, 0, storage.Audience{URI: "a"}))
	soon(t, "an audience", func() bool {
		changed, err := nodes[1].Changed(ctx)
		check(t, err)
		return changed
	})
}
