package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/usher-oauth/usher/storage"
)

func importTests() []test {
	return []test{
		{"adds every user", testImport},
		{"is refused whole for one user that exists", testImportAllOrNone},
		{"with update changes what differs", testImportUpdate},
		{"with update ends sessions for a password and for disabling alone", testImportSessions},
		{"by two nodes at once happens whole or not at all", testImportAtOnce},
		{"of nobody does nothing", testImportNobody},
	}
}

// people are users named after what they are to be called.
func people(names ...string) []storage.User {
	var list []storage.User
	for _, name := range names {
		list = append(list, storage.User{Username: name, PasswordHash: "hash of " + name, PasswordCost: 10, Scopes: []string{"profile"}})
	}
	return list
}

func (n node) names(t *testing.T) []string {
	t.Helper()
	users, err := n.Users(t.Context())
	check(t, err)
	names := []string{}
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func testImport(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	var done []int
	check(t, s.ImportUsers(ctx, people("bob", "ann", "eve"), false, func(n int) { done = append(done, n) }))
	equal(t, "progress", done, []int{1, 2, 3})
	equal(t, "names", s.names(t), []string{"ann", "bob", "eve"})

	ann, err := s.UserByName(ctx, "ann")
	check(t, err)
	want := people("ann")[0]
	want.ID, want.Epoch, want.CreatedAt = ann.ID, ann.Epoch, s.clock.Now()
	equal(t, "ann", ann, want)
	if len(ann.ID) != 20 || len(ann.Epoch) != 8 {
		t.Errorf("got id %q and epoch %q, want made ones", ann.ID, ann.Epoch)
	}
}

func testImportAllOrNone(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	s.user(t, "eve")
	for _, tt := range []struct {
		name   string
		users  []storage.User
		update bool
		index  int
	}{
		{"one exists", people("ann", "bob", "eve", "zoe"), false, 2},
		{"one is there twice", people("ann", "ann"), false, 1},
		{"the last has a taken id", append(people("ann"), storage.User{ID: s.id(t, "eve"), Username: "mia"}), true, 1},
	} {
		err := s.ImportUsers(ctx, tt.users, tt.update, func(int) {})
		wantErr(t, tt.name, err, storage.ErrExists)
		var refused *storage.ImportError
		if !errors.As(err, &refused) || refused.Index != tt.index {
			t.Errorf("%s: got error %#v, want an ImportError of index %d", tt.name, err, tt.index)
		}
		equal(t, "names after: "+tt.name, s.names(t), []string{"eve"})
	}
}

func (n node) id(t *testing.T, name string) string {
	t.Helper()
	u, err := n.UserByName(t.Context(), name)
	check(t, err)
	return u.ID
}

func testImportUpdate(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, bob := s.user(t, "ann"), s.user(t, "bob")
	changed := storage.User{
		ID: "ignored", Username: "ann", Email: "ann@example.com", FullName: "Ann Ä.",
		PasswordHash: ann.PasswordHash, PasswordCost: 10, Scopes: []string{"profile", "admin"}, Epoch: "ignored",
	}
	var done []int
	check(t, s.ImportUsers(ctx, append(people("zoe"), changed), true, func(n int) { done = append(done, n) }))
	equal(t, "progress", done, []int{1, 2})
	equal(t, "names", s.names(t), []string{"ann", "bob", "zoe"})

	want := changed
	want.ID, want.Epoch, want.CreatedAt = ann.ID, ann.Epoch, ann.CreatedAt
	got, err := s.UserByName(ctx, "ann")
	check(t, err)
	equal(t, "ann", got, want)
	got, err = s.UserByName(ctx, "bob")
	check(t, err)
	equal(t, "bob, who was not in the list", got, bob)
}

func testImportSessions(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	app := s.client(t, "app")
	for _, tt := range []struct {
		name     string
		disabled bool // before
		change   func(*storage.User)
		ends     bool
	}{
		{"nothing", false, func(*storage.User) {}, false},
		{"name, address and scopes", false, func(u *storage.User) { u.Email, u.FullName, u.Scopes = "e", "f", []string{"s"} }, false},
		{"the password", false, func(u *storage.User) { u.PasswordHash = "new" }, true},
		{"disabling", false, func(u *storage.User) { u.Disabled = true }, true},
		{"enabling", true, func(u *storage.User) { u.Disabled = false }, false},
		{"nothing of a disabled user", true, func(*storage.User) {}, false},
	} {
		u := people(tt.name)[0]
		u.Disabled = tt.disabled
		check(t, s.CreateUser(ctx, u))
		before, err := s.UserByName(ctx, tt.name)
		check(t, err)
		g := s.login(t, before, app)
		newest, err := s.Versions(ctx)
		check(t, err)

		tt.change(&u)
		check(t, s.ImportUsers(ctx, []storage.User{u}, true, func(int) {}))
		after, err := s.UserByName(ctx, tt.name)
		check(t, err)
		want := u
		want.ID, want.Epoch, want.CreatedAt = before.ID, after.Epoch, before.CreatedAt
		equal(t, tt.name, after, want)
		if got := after.Epoch != before.Epoch; got != tt.ends {
			t.Errorf("%s: got a new epoch %t, want %t", tt.name, got, tt.ends)
		}
		if got := len(s.since(t, newest.Revocations)); (got == 1) != tt.ends || got > 1 {
			t.Errorf("%s: got %d revocations, want one if sessions end: %t", tt.name, got, tt.ends)
		}
		if !tt.disabled {
			s.wantLive(t, "the session after changing "+tt.name, g, !tt.ends)
		}
	}
}

func testImportAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	lists := [2][]storage.User{}
	for i := range lists {
		for n := range 50 {
			lists[i] = append(lists[i], people(fmt.Sprintf("own-%d-%02d", i, n))...)
		}
		lists[i] = append(lists[i], people("shared")...)
	}
	var errs [2]error
	together(t, 2, func(ctx context.Context, i int) error {
		errs[i] = nodes[i].ImportUsers(ctx, lists[i], false, func(int) {})
		return nil
	})
	lost := 0
	if errs[0] == nil {
		lost = 1
	}
	check(t, errs[1-lost])
	wantErr(t, "the import that was second", errs[lost], storage.ErrExists)
	var want []string
	for _, u := range lists[1-lost] {
		want = append(want, u.Username)
	}
	equal(t, "names", nodes[0].names(t), want)
}

func testImportNobody(t *testing.T, db Database) {
	s := open(t, db)
	check(t, s.ImportUsers(t.Context(), nil, false, nil))
	check(t, s.ImportUsers(t.Context(), people("ann"), true, nil)) // nobody wants to hear of it
	equal(t, "names", s.names(t), []string{"ann"})
}
