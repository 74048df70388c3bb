package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func revocationTests() []test {
	return []test{
		{"of a token stand until it has expired everywhere", testRevokeToken},
		{"of one token twice are one, kept until the later time", testRevokeTokenTwice},
		{"stand as long as any access token may live", testRevocationUntil},
		{"start after the number that is asked for", testRevocationsAfter},
		{"are kept by kind: one key of two kinds is two", testRevocationKinds},
		{"are found by kind and key", testRevocationByKey},
		{"know the longest lifetime of access tokens, which only rises", testAccessTokenTTL},
		{"know the longest lifetime, whoever raises it at once", testAccessTokenTTLAtOnce},
	}
}

func testRevokeToken(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	expires := s.clock.Now().Add(10 * time.Minute)
	check(t, s.RevokeToken(ctx, "g.u.c.1", expires))
	got := s.since(t, 0)
	if len(got) != 1 {
		t.Fatalf("got revocations %+v, want one", got)
	}
	if want := (storage.Revocation{Seq: 1, Kind: storage.KindToken, Key: "g.u.c.1", Until: got[0].Until}); got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	if !got[0].Until.After(expires) {
		t.Errorf("got kept until %v, want later than the token's end %v: clocks differ", got[0].Until, expires)
	}
	if got[0].Until.Location() != time.UTC {
		t.Errorf("got a time in %v, want UTC", got[0].Until.Location())
	}
}

func testRevokeTokenTwice(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	now := s.clock.Now()
	check(t, s.RevokeToken(ctx, "only once", now.Add(time.Hour)))
	want := s.since(t, 0)[0].Until

	for i, until := range []time.Time{now.Add(time.Hour), now.Add(2 * time.Hour), now.Add(time.Minute)} {
		check(t, s.RevokeToken(ctx, "jti", until))
		if got := s.since(t, 1); len(got) != 1 || got[0].Seq != int64(i)+2 {
			t.Fatalf("revoking %d: got %+v, want one, numbered %d", i+1, got, i+2)
		}
	}
	if got := s.since(t, 1)[0].Until; !got.Equal(want.Add(time.Hour)) {
		t.Errorf("got kept until %v, want %v, the latest of three", got, want.Add(time.Hour))
	}
}

func testRevocationUntil(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	longest := 90 * time.Minute
	for _, ttl := range []time.Duration{longest, time.Minute} { // a node of today issues shorter ones
		_, err := s.RaiseAccessTokenTTL(ctx, ttl)
		check(t, err)
	}
	ann, app := s.user(t, "ann"), s.client(t, "app")
	for _, c := range []call{
		{"EndGrant", func(ctx context.Context) error { return s.EndGrant(ctx, "grant") }},
		{"EndUserSessions", func(ctx context.Context) error { return s.EndUserSessions(ctx, ann.Username) }},
		{"ChangeUser to disabled", func(ctx context.Context) error { return s.ChangeUser(ctx, ann.Username, DisableUser) }},
		{"SetPassword", func(ctx context.Context) error { return s.SetPassword(ctx, ann.ID, "", "new", 10, "") }},
		{"RemoveUser", func(ctx context.Context) error { return s.RemoveUser(ctx, ann.Username) }},
		{"EndClientSessions", func(ctx context.Context) error { return s.EndClientSessions(ctx, app.ID) }},
		{"ChangeClient to disabled", func(ctx context.Context) error { return s.ChangeClient(ctx, app.ID, DisableClient) }},
		{"RemoveClient", func(ctx context.Context) error { return s.RemoveClient(ctx, app.ID) }},
		{"CreateClient", func(ctx context.Context) error { return s.CreateClient(ctx, app) }},
	} {
		before, err := s.Versions(ctx)
		check(t, err)
		check(t, c.do(ctx))
		news := s.since(t, before.Revocations)
		if len(news) != 1 {
			t.Fatalf("%s: got revocations %+v, want one", c.name, news)
		}
		// A token issued at this very moment expires then, by this node's clock.
		last := s.clock.Now().Add(longest)
		if got := news[0].Until; !got.After(last) || got.After(last.Add(10*time.Minute)) {
			t.Errorf("%s: got kept until %v, want shortly after %v", c.name, got, last)
		}
		s.clock.Advance(time.Minute)
	}
}

func testRevocationsAfter(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	equal(t, "revocations of a new database", len(s.since(t, 0)), 0)
	for _, id := range []string{"c", "a", "b"} {
		check(t, s.EndGrant(ctx, id))
	}
	for _, tt := range []struct {
		after int64
		want  []string
	}{{-1, []string{"c", "a", "b"}}, {0, []string{"c", "a", "b"}}, {1, []string{"a", "b"}}, {2, []string{"b"}}, {3, nil}, {99, nil}} {
		var got []string
		for _, r := range s.since(t, tt.after) {
			got = append(got, r.Key)
		}
		equal(t, "keys", got, tt.want)
	}
}

func testRevocationKinds(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	check(t, s.CreateUser(ctx, storage.User{ID: "same", Username: "same"}))
	s.client(t, "same")
	check(t, s.RevokeToken(ctx, "same", s.clock.Now()))
	check(t, s.EndGrant(ctx, "same"))
	check(t, s.EndUserSessions(ctx, "same"))
	check(t, s.EndClientSessions(ctx, "same"))
	var got []storage.Kind
	for _, r := range s.since(t, 0) {
		equal(t, "key", r.Key, "same")
		got = append(got, r.Kind)
	}
	equal(t, "kinds", got, []storage.Kind{storage.KindToken, storage.KindGrant, storage.KindUser, storage.KindClient})
}

func testRevocationByKey(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	check(t, s.RevokeToken(ctx, "other", s.clock.Now().Add(time.Hour)))
	check(t, s.RevokeToken(ctx, "jti", s.clock.Now().Add(time.Hour)))
	got, err := s.Revocation(ctx, storage.KindToken, "jti")
	check(t, err)
	if want := s.since(t, 1)[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for kind, key := range map[storage.Kind]string{storage.KindToken: "nobody's", storage.KindGrant: "jti"} {
		if got, err := s.Revocation(ctx, kind, key); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s %s: got %+v and %v, want ErrNotFound", kind, key, got, err)
		}
	}
}

func testAccessTokenTTL(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	for _, step := range []struct{ raise, want time.Duration }{
		{0, 0},
		{10 * time.Minute, 10 * time.Minute},
		{time.Minute, 10 * time.Minute},
		{10 * time.Minute, 10 * time.Minute},
		{24 * time.Hour, 24 * time.Hour},
		{-time.Hour, 24 * time.Hour},
	} {
		got, err := nodes[0].RaiseAccessTokenTTL(t.Context(), step.raise)
		check(t, err)
		if got != step.want {
			t.Errorf("raising to %v: got %v, want %v", step.raise, got, step.want)
		}
		got, err = nodes[1].AccessTokenTTL(t.Context())
		check(t, err)
		if got != step.want {
			t.Errorf("the other node after raising to %v: got %v, want %v", step.raise, got, step.want)
		}
	}
}

func testAccessTokenTTLAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	together(t, 32, func(ctx context.Context, i int) error {
		_, err := nodes[i%2].RaiseAccessTokenTTL(ctx, time.Duration((i*7)%32)*time.Minute)
		return err
	})
	got, err := nodes[0].AccessTokenTTL(t.Context())
	check(t, err)
	if want := 31 * time.Minute; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
