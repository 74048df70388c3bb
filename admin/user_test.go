package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

func TestAddUser(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	got, err := users.Add(t.Context(), admin.NewUser{Username: "JohnDoe", Email: "john@example.com", FullName: "John Doe"}, "sword-fish")
	if err != nil {
		t.Fatal(err)
	}
	want := storage.User{Username: "johndoe", Email: "john@example.com", FullName: "John Doe", Scopes: []string{"profile"}, PasswordCost: cost}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(storage.User{}, "ID", "Epoch", "CreatedAt", "PasswordHash")); diff != "" {
		t.Errorf("added user (-want +got):\n%s", diff)
	}
	if got.ID == "" || got.Epoch == "" || got.CreatedAt.IsZero() {
		t.Errorf("got %+v, want what storage gives too", got)
	}
	if res, err := users.Pool.Check(t.Context(), got.PasswordHash, "sword-fish", 0); err != nil || !res.OK {
		t.Errorf("checking the password: got %+v, %v, want OK", res, err)
	}
	shown, err := users.Show(t.Context(), "JOHNDOE")
	if diff := cmp.Diff(got, shown); err != nil || diff != "" {
		t.Errorf("shown by another form of the name: %v (-want +got):\n%s", err, diff)
	}
	if _, err := users.Add(t.Context(), admin.NewUser{Username: "johnDOE"}, "sword-fish"); !errors.Is(err, storage.ErrExists) || err.Error() != `user "johndoe" already exists` {
		t.Errorf("same name in another form: got %v, want ErrExists in words", err)
	}
}

func TestAddUserObeysRules(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	for _, tt := range []struct {
		name     string
		user     admin.NewUser
		password string
		is       error
		want     string
	}{
		{"name", admin.NewUser{Username: "john doe"}, "sword-fish", credentials.ErrUsername, "U+0020"},
		{"short password", admin.NewUser{Username: "ann"}, "secret", credentials.ErrPassword, "at least 8"},
		{"long password", admin.NewUser{Username: "ann"}, strings.Repeat("x", 73), credentials.ErrPassword, "at most 72"},
		{"scope", admin.NewUser{Username: "ann", Scopes: []string{`a"b`}}, "sword-fish", scope.ErrMalformed, `a\"b`},
		{"scopes in one", admin.NewUser{Username: "ann", Scopes: []string{"a b"}}, "sword-fish", scope.ErrMalformed, "one scope"},
		{"control character", admin.NewUser{Username: "ann", FullName: "\x1b[31mAnn"}, "sword-fish", admin.ErrRefused, "full name has the control character U+001B"},
		{"e-mail address", admin.NewUser{Username: "ann", Email: "ann\xff"}, "sword-fish", admin.ErrRefused, "e-mail address is not valid UTF-8"},
		{"long name", admin.NewUser{Username: "ann", FullName: strings.Repeat("x", 1025)}, "sword-fish", admin.ErrRefused, "1025 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := users.Add(t.Context(), tt.user, tt.password)
			if !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			oneLine(t, err, tt.want)
		})
	}
	t.Cleanup(func() {
		if got := users.Pool.Stats().Done; got != 0 {
			t.Errorf("got %d passwords hashed for refused users, want none", got)
		}
	})
}

func TestUserScopes(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	none, err := users.Add(t.Context(), admin.NewUser{Username: "ann", Scopes: []string{}}, "sword-fish")
	if err != nil || len(none.Scopes) != 0 {
		t.Errorf("added with an empty list: got %q, %v, want no scopes", none.Scopes, err)
	}
	if err := changeUser(t, users, "Ann", admin.UserChange{Scopes: []string{"profile", "orders:read"}}); err != nil {
		t.Fatal(err)
	}
	got, err := users.Show(t.Context(), "ann")
	if diff := cmp.Diff([]string{"profile", "orders:read"}, got.Scopes); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := changeUser(t, users, "ann", admin.UserChange{Scopes: []string{"a b"}}); !errors.Is(err, scope.ErrMalformed) {
		t.Errorf("two scopes in one: got %v, want ErrMalformed", err)
	}
}

var disable, enable = admin.UserChange{Disabled: new(true)}, admin.UserChange{Disabled: new(false)}

func changeUser(t *testing.T, users *admin.Users, name string, c admin.UserChange) error {
	_, err := users.Change(t.Context(), name, c)
	return err
}

// Contract of a user's life: what ends sessions, and what brings none back.
func TestChangesThatEndSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		do    func(*testing.T, *admin.Users) error
		lives bool
	}{
		{"set password", func(t *testing.T, u *admin.Users) error { return u.SetPassword(t.Context(), "Ann", "marlin-42") }, false},
		{"disable", func(t *testing.T, u *admin.Users) error { return changeUser(t, u, "Ann", disable) }, false},
		{"disable and enable", func(t *testing.T, u *admin.Users) error {
			return errors.Join(changeUser(t, u, "Ann", disable), changeUser(t, u, "Ann", enable))
		}, false},
		{"remove", func(t *testing.T, u *admin.Users) error { return u.Remove(t.Context(), "Ann") }, false},
		{"revoke", func(t *testing.T, u *admin.Users) error {
			return (&admin.Tokens{Store: u.Store}).RevokeUser(t.Context(), "Ann")
		}, false},
		{"revoke client", func(t *testing.T, u *admin.Users) error {
			return (&admin.Tokens{Store: u.Store}).RevokeClient(t.Context(), "app")
		}, false},
		{"set scopes", func(t *testing.T, u *admin.Users) error {
			return changeUser(t, u, "Ann", admin.UserChange{Scopes: []string{"profile"}})
		}, true},
		{"enable", func(t *testing.T, u *admin.Users) error { return changeUser(t, u, "Ann", enable) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			users := newUsers(t)
			app, other := addClient(t, users.Store, "app"), addClient(t, users.Store, "other")
			ann := login(t, users.Store, add(t, users, "ann"), app)
			bob := login(t, users.Store, add(t, users, "bob"), other)
			if err := tt.do(t, users); err != nil {
				t.Fatal(err)
			}
			if got := ann(); got != tt.lives {
				t.Errorf("session: got lives %t, want %t", got, tt.lives)
			}
			if !bob() {
				t.Error("session of another user at another client: got a dead one, want it to live")
			}
		})
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	add(t, users, "ann")
	if err := users.SetPassword(t.Context(), "ANN", "marlin-42"); err != nil {
		t.Fatal(err)
	}
	ann, err := users.Show(t.Context(), "ann")
	if err != nil || ann.PasswordCost != cost {
		t.Errorf("got cost %d, %v, want %d", ann.PasswordCost, err, cost)
	}
	for password, want := range map[string]bool{"sword-fish": false, "marlin-42": true} {
		if got, err := users.Pool.Check(t.Context(), ann.PasswordHash, password, 0); err != nil || got.OK != want {
			t.Errorf("password %q: got %+v, %v, want OK %t", password, got, err, want)
		}
	}
	if err := users.SetPassword(t.Context(), "ann", "secret"); !errors.Is(err, credentials.ErrPassword) {
		t.Errorf("short password: got %v, want ErrPassword", err)
	}
}

func TestUnknownUser(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	tokens := &admin.Tokens{Store: users.Store}
	for name, do := range map[string]func(name string) error{
		"show":         func(name string) error { _, err := users.Show(t.Context(), name); return err },
		"set password": func(name string) error { return users.SetPassword(t.Context(), name, "sword-fish") },
		"change":       func(name string) error { return changeUser(t, users, name, disable) },
		"remove":       func(name string) error { return users.Remove(t.Context(), name) },
		"revoke":       func(name string) error { return tokens.RevokeUser(t.Context(), name) },
	} {
		if err := do("Ann"); !errors.Is(err, storage.ErrNotFound) || err.Error() != `no user "ann"` {
			t.Errorf("%s: got %v, want ErrNotFound in words", name, err)
		}
		if err := do("not a name"); !errors.Is(err, credentials.ErrUsername) {
			t.Errorf("%s of what is no name: got %v, want ErrUsername", name, err)
		}
	}
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	for _, name := range []string{"bob", "Ann", "cid"} {
		add(t, users, name)
	}
	list, err := users.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range list {
		got = append(got, u.Username)
	}
	if diff := cmp.Diff([]string{"ann", "bob", "cid"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An outage must not read as "no such user".
func TestStorageFaultIsTold(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	if err := users.Store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := users.Show(t.Context(), "ann")
	if errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v, want another error than ErrNotFound", err)
	}
	oneLine(t, err, `reading user "ann": `)
	_, err = users.Add(t.Context(), admin.NewUser{Username: "ann"}, "sword-fish")
	oneLine(t, err, `adding user "ann": `)
	_, err = users.List(t.Context())
	oneLine(t, err, "listing users: ")
	_, err = (&admin.Clients{Store: users.Store}).List(t.Context())
	oneLine(t, err, "listing clients: ")
	_, err = users.Import(t.Context(), []admin.ImportedUser{{Username: "ann", Password: "sword-fish"}}, false, nil)
	oneLine(t, err, `reading user "ann": `)
}
