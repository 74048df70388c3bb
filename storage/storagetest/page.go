package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func pageTests() []test {
	return []test{
		{"hold each user and client once, in one order", testPages},
		{"hold the living logins of one user", testLogins},
	}
}

func testPages(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	names := []string{"ann", "ann-b", "annb", "~ann", "a_b", "Zoë", "zoe", "0"}
	for _, name := range names {
		check(t, s.CreateUser(ctx, storage.User{Username: name}))
		check(t, s.CreateClient(ctx, storage.Client{ID: name}))
	}
	slices.Sort(names)
	for _, limit := range []int{1, 3, 100} {
		users := walk(t, limit, func(after string) ([]storage.User, error) { return s.UsersAfter(ctx, after, limit) },
			func(u storage.User) string { return u.Username })
		clients := walk(t, limit, func(after string) ([]storage.Client, error) { return s.ClientsAfter(ctx, after, limit) },
			func(c storage.Client) string { return c.ID })
		equal(t, "users and clients in one order", users, clients)
		slices.Sort(users)
		equal(t, "users", users, names)
	}
}

// walk reads all pages and returns the keys of what they hold.
func walk[T any](t *testing.T, limit int, page func(after string) ([]T, error), key func(T) string) (keys []string) {
	t.Helper()
	for after := ""; ; {
		list, err := page(after)
		check(t, err)
		if len(list) > limit {
			t.Fatalf("got %d on a page, want at most %d", len(list), limit)
		}
		if len(list) == 0 {
			return keys
		}
		for _, item := range list {
			after = key(item)
			keys = append(keys, after)
		}
	}
}

func testLogins(t *testing.T, db Database) {
	ck := NewClock(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	s, ctx := openAt(t, db, ck), t.Context()
	ann, ben, web, app := s.user(t, "ann"), s.user(t, "ben"), s.client(t, "web"), s.client(t, "app")
	want := []storage.Grant{s.login(t, ann, web), s.login(t, ann, web)}
	s.login(t, ben, web)
	ended, disabled := s.login(t, ann, web), s.login(t, ann, app)
	check(t, s.EndGrant(ctx, ended.ID))
	check(t, s.ChangeClient(ctx, disabled.ClientID, DisableClient))
	ids := func() []string {
		return walk(t, 1, func(after string) ([]storage.Grant, error) { return s.Logins(ctx, ann.ID, after, 1) },
			func(g storage.Grant) string { return g.ID })
	}
	got, wanted := ids(), []string{want[0].ID, want[1].ID}
	slices.Sort(got)
	slices.Sort(wanted)
	equal(t, "living logins", got, wanted)
	list, err := s.Logins(ctx, ann.ID, "", 10)
	check(t, err)
	g := want[slices.IndexFunc(want, func(g storage.Grant) bool { return g.ID == list[0].ID })]
	g.Refresh, g.Previous = nil, nil
	equal(t, "a login", list[0], g)

	ck.Advance(g.ExpiresAt.Sub(ck.Now()))
	equal(t, "expired logins", len(ids()), 0)
	check(t, s.EndUserSessions(ctx, "ann"))
	equal(t, "ended logins", len(ids()), 0)
}
