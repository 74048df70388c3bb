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

func clientTests() []test {
	return []test{
		{"come back as they were given", testClientRoundTrip},
		{"get an epoch and a creation time", testClientDefaults},
		{"are not found under an id nobody has", testClientNotFound},
		{"have ids that are taken once", testClientTaken},
		{"of one id are one, however many create it at once", testClientTakenAtOnce},
		{"are listed by the bytes of their ids", testClientOrder},
		{"keep the secret of before as long as told", testClientSecret},
	}
}

func testClientRoundTrip(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	want := []storage.Client{
		{ // as little as there can be
			ID: "a", Grants: []string{}, Scopes: []string{}, DefaultScopes: []string{}, Audiences: []string{},
			Epoch: "e", CreatedAt: time.UnixMilli(1).UTC(),
		},
		{
			ID: "b" + strings.Repeat("~", 63), Name: "Bücher 山田 🦉 \"O'Neil\"; --", Public: true,
			Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile", "write"}, DefaultScopes: []string{"profile"},
			Audiences: []string{"https://api.example/v1?a=b%20c", "urn:example:b", "bücher\u00a0api"},
			Epoch:     storage.NewEpoch(), CreatedAt: time.Date(2026, 2, 28, 23, 59, 59, 999e6, time.UTC),
		},
		{
			ID: "c", Grants: []string{"client_credentials"}, Scopes: []string{}, DefaultScopes: []string{}, Audiences: []string{},
			Introspect: true, Disabled: true, SecretHash: strings.Repeat("s", 72), OldSecretHash: strings.Repeat("o", 72),
			OldSecretUntil: time.Date(2026, 3, 8, 0, 0, 0, 1e6, time.UTC), Epoch: storage.NewEpoch(), CreatedAt: time.UnixMilli(1).UTC(),
		},
	}
	for _, c := range want {
		given := c
		given.CreatedAt = c.CreatedAt.Add(999 * time.Microsecond).In(time.FixedZone("", -3600))
		check(t, s.CreateClient(ctx, given))
	}
	for _, c := range want {
		got, err := s.Client(ctx, c.ID)
		check(t, err)
		equal(t, "Client", got, c)
	}
	got, err := s.Clients(ctx)
	check(t, err)
	equal(t, "Clients", got, want)
}

func testClientDefaults(t *testing.T, db Database) {
	s := open(t, db)
	a, b := s.client(t, "a"), s.client(t, "b")
	if len(a.Epoch) != 8 || a.Epoch == b.Epoch {
		t.Errorf("got epochs %q and %q, want two of 8 characters", a.Epoch, b.Epoch)
	}
	if want := s.clock.Now(); !a.CreatedAt.Equal(want) {
		t.Errorf("got creation time %v, want the clock's %v", a.CreatedAt, want)
	}
}

func testClientNotFound(t *testing.T, db Database) {
	s := open(t, db)
	s.client(t, "app")
	for _, c := range []call{
		{"Client", func(ctx context.Context) error { _, err := s.Client(ctx, "App"); return err }},
		{"Client of none", func(ctx context.Context) error { _, err := s.Client(ctx, ""); return err }},
		{"RotateSecret", func(ctx context.Context) error { return s.RotateSecret(ctx, "web", "h", time.Time{}) }},
		{"RotateSecret that keeps", func(ctx context.Context) error { return s.RotateSecret(ctx, "web", "h", s.clock.Now()) }},
		{"ChangeClient to disabled", func(ctx context.Context) error { return s.ChangeClient(ctx, "web", DisableClient) }},
		{"ChangeClient to enabled", func(ctx context.Context) error { return s.ChangeClient(ctx, "web", EnableClient) }},
		{"RemoveClient", func(ctx context.Context) error { return s.RemoveClient(ctx, "web") }},
		{"EndClientSessions", func(ctx context.Context) error { return s.EndClientSessions(ctx, "web") }},
	} {
		wantErr(t, c.name, c.do(t.Context()), storage.ErrNotFound)
	}
	if got := s.since(t, 0); len(got) != 0 {
		t.Errorf("got revocations %v of clients that do not exist, want none", got)
	}
}

func testClientTaken(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	app := s.client(t, "app")
	wantErr(t, "the same id", s.CreateClient(ctx, storage.Client{ID: "app", Name: "other"}), storage.ErrExists)
	got, err := s.Clients(ctx)
	check(t, err)
	equal(t, "clients", got, []storage.Client{app})
	equal(t, "revocations", len(s.since(t, 0)), 0)
}

func testClientTakenAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	var winner atomic.Int64
	winner.Store(-1)
	together(t, 32, func(ctx context.Context, i int) error {
		err := nodes[i%2].CreateClient(ctx, storage.Client{ID: "app", Name: fmt.Sprint(i)})
		if errors.Is(err, storage.ErrExists) {
			return nil
		}
		if err == nil && !winner.CompareAndSwap(-1, int64(i)) {
			return errors.New("created, though another was")
		}
		return err
	})
	got, err := nodes[0].Client(t.Context(), "app")
	check(t, err)
	if want := fmt.Sprint(winner.Load()); got.Name != want {
		t.Errorf("got the client of creator %s, want that of %s, the one told so", got.Name, want)
	}
}

func testClientOrder(t *testing.T, db Database) {
	s := open(t, db)
	want := []string{"-", ".", "0", "10", "9", "Z", "_", "a", "aa", "b", "~"}
	for _, i := range []int{7, 3, 0, 9, 1, 5, 10, 2, 6, 4, 8} {
		s.client(t, want[i])
	}
	clients, err := s.Clients(t.Context())
	check(t, err)
	var got []string
	for _, c := range clients {
		got = append(got, c.ID)
	}
	equal(t, "ids", got, want)
}

func testClientSecret(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	app, other := s.client(t, "app"), s.client(t, "other")
	g := s.login(t, s.user(t, "ann"), app)
	until := s.clock.Now().Add(24 * time.Hour)
	for _, step := range []struct {
		name, hash string
		keep       time.Time
		old        string
	}{
		{"kept for a day", "second", until, app.SecretHash},
		{"kept again: the first is forgotten", "third", until.Add(time.Hour), "second"},
		{"not kept", "fourth", time.Time{}, ""},
	} {
		check(t, s.RotateSecret(ctx, "app", step.hash, step.keep))
		want := app
		want.SecretHash, want.OldSecretHash, want.OldSecretUntil = step.hash, step.old, step.keep
		got, err := s.Client(ctx, "app")
		check(t, err)
		equal(t, step.name, got, want)
	}
	s.wantLive(t, "a session of the client", g, true)
	got, err := s.Client(ctx, "other")
	check(t, err)
	equal(t, "the other client", got, other)
}
