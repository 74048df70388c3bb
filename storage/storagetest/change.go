package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/usher-oauth/usher/storage"
)

func changeTests() []test {
	return []test{
		{"of users keep what they don't touch, and end sessions where they disable", testChangeUser},
		{"of clients likewise", testChangeClient},
		{"at once all count", testChangesAtOnce},
	}
}

var errNo = errors.New("no")

func testChangeUser(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	u, c := s.user(t, "ann"), s.client(t, "web")
	g := s.login(t, u, c)
	before, err := s.Versions(ctx)
	check(t, err)
	check(t, s.ChangeUser(ctx, "ann", func(u *storage.User) error {
		u.Email, u.FullName, u.Scopes = "ann@example.com", "Ann", []string{"a", "b"}
		u.ID, u.Username, u.PasswordHash, u.Epoch = "no", "no", "no", "no"
		return nil
	}))
	want := u
	want.Email, want.FullName, want.Scopes = "ann@example.com", "Ann", []string{"a", "b"}
	got, err := s.UserByName(ctx, "ann")
	check(t, err)
	equal(t, "the user", got, want)
	s.wantLive(t, "a session", g, true)
	after, err := s.Versions(ctx)
	check(t, err)
	if after.Directory == before.Directory {
		t.Error("no other node is told")
	}

	wantErr(t, "a refused change", s.ChangeUser(ctx, "ann", func(u *storage.User) error { u.Email = "lost"; return errNo }), errNo)
	wantErr(t, "of nobody", s.ChangeUser(ctx, "eve", func(*storage.User) error { return nil }), storage.ErrNotFound)
	got, err = s.UserByName(ctx, "ann")
	check(t, err)
	equal(t, "after a refusal", got, want)

	check(t, s.ChangeUser(ctx, "ann", DisableUser))
	check(t, s.ChangeUser(ctx, "ann", EnableUser))
	s.wantLive(t, "a session of before", g, false)
	if !s.revoked(t, storage.KindUser, u.ID, g.ID, u.Epoch) {
		t.Error("tokens of before are not revoked")
	}
}

func testChangeClient(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	u, c := s.user(t, "ann"), s.client(t, "web")
	g := s.login(t, u, c)
	want := c
	want.Name, want.Grants, want.Scopes = "Web", []string{"password"}, []string{"a", "b"}
	want.DefaultScopes, want.Audiences, want.Introspect = []string{"a"}, []string{"https://api.example"}, true
	check(t, s.ChangeClient(ctx, "web", func(c *storage.Client) error {
		*c = want
		c.SecretHash, c.Public, c.Epoch = "no", !c.Public, "no"
		return nil
	}))
	got, err := s.Client(ctx, "web")
	check(t, err)
	equal(t, "the client", got, want)
	s.wantLive(t, "a session", g, true)
	wantErr(t, "a refused change", s.ChangeClient(ctx, "web", func(*storage.Client) error { return errNo }), errNo)
	wantErr(t, "of nobody", s.ChangeClient(ctx, "none", func(*storage.Client) error { return nil }), storage.ErrNotFound)
	check(t, s.ChangeClient(ctx, "web", DisableClient))
	check(t, s.ChangeClient(ctx, "web", EnableClient))
	s.wantLive(t, "a session of before", g, false)
}

// Two nodes add a scope each, again and again: none is lost.
func testChangesAtOnce(t *testing.T, db Database) {
	s, ctx := openTwo(t, db), t.Context()
	s[0].user(t, "ann")
	check(t, s[0].ChangeUser(ctx, "ann", UserScopes()))
	const n = 16
	together(t, n, func(ctx context.Context, i int) error {
		return s[i%2].ChangeUser(ctx, "ann", func(u *storage.User) error {
			u.Scopes = append(slices.Clone(u.Scopes), fmt.Sprint(i))
			return nil
		})
	})
	got, err := s[0].UserByName(ctx, "ann")
	check(t, err)
	if len(got.Scopes) != n {
		t.Errorf("got the scopes %q, want %d of them", got.Scopes, n)
	}
}
