package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

func parse(tb testing.TB, in string) []admin.ImportedUser {
	tb.Helper()
	users, err := admin.ParseUsers(strings.NewReader(in))
	if err != nil {
		tb.Fatal(err)
	}
	return users
}

func TestImportTutorialUser(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	in := parse(t, `{"johndoe":{"username":"johndoe","full_name":"John Doe","email":"johndoe@example.com","hashed_password":"`+secretAt12+`","disabled":false}}`)
	if n, err := users.Import(t.Context(), in, false, nil); n != 1 || err != nil {
		t.Fatalf("got %d, %v, want 1", n, err)
	}
	got, err := users.Show(t.Context(), "johndoe")
	if err != nil {
		t.Fatal(err)
	}
	want := storage.User{
		Username: "johndoe", Email: "johndoe@example.com", FullName: "John Doe",
		Scopes: []string{"profile"}, PasswordHash: secretAt12, PasswordCost: 12,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(storage.User{}, "ID", "Epoch", "CreatedAt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dear := credentials.NewPool(credentials.PoolConfig{Cost: 12, Workers: 1})
	t.Cleanup(dear.Close)
	res, err := dear.Check(t.Context(), got.PasswordHash, "secret", 12)
	if want := (credentials.Result{OK: true, Renew: true}); err != nil || res != want {
		t.Errorf("login: got %+v, %v, want %+v", res, err, want)
	}
}

func TestImportHashesPlainPasswords(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	var in strings.Builder
	for i := range 20 {
		fmt.Fprintf(&in, `{"username":"user%d","password":"sword-fish%d"}`+"\n", i, i)
	}
	fmt.Fprintf(&in, `{"username":"old","hashed_password":"%s","disabled":true}`, secretAt12)
	type step struct{ done, total int }
	var steps []step // without a lock: progress promises never to be called twice at once
	n, err := users.Import(t.Context(), parse(t, in.String()), false, func(done, total int) {
		steps = append(steps, step{done, total})
	})
	if n != 21 || err != nil {
		t.Fatalf("got %d, %v, want 21", n, err)
	}
	if len(steps) != 41 || !slices.IsSortedFunc(steps, func(a, b step) int { return a.done - b.done }) || steps[0] != (step{1, 41}) || steps[40] != (step{41, 41}) {
		t.Errorf("progress: got %v, want 1 to 41 of 41", steps)
	}
	for i := range 20 {
		u, err := users.Show(t.Context(), fmt.Sprintf("user%d", i))
		if err != nil {
			t.Fatal(err)
		}
		res, err := users.Pool.Check(t.Context(), u.PasswordHash, fmt.Sprintf("sword-fish%d", i), 0)
		if want := (credentials.Result{OK: true}); err != nil || res != want || u.PasswordCost != cost {
			t.Errorf("%s: got %+v at cost %d, %v, want %+v at %d", u.Username, res, u.PasswordCost, err, want, cost)
		}
	}
	if old, err := users.Show(t.Context(), "old"); err != nil || !old.Disabled {
		t.Errorf("disabled user: got %+v, %v, want one disabled", old, err)
	}
	if got := users.Pool.Stats().Refused; got != 0 {
		t.Errorf("got %d jobs refused, want none ever", got)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, credential := range []string{`"password":"sword-fish"`, `"hashed_password":"` + secretAt12 + `"`} {
		t.Run(credential, func(t *testing.T) {
			t.Parallel()
			users := newUsers(t)
			before := add(t, users, "bob")
			hashed := users.Pool.Stats().Done
			in := parse(t, fmt.Sprintf(`{"username":"ann",%s}`+"\n"+`{"username":"bob",%[1]s}`, credential))
			n, err := users.Import(t.Context(), in, false, nil)
			if n != 0 || !errors.Is(err, storage.ErrExists) {
				t.Fatalf("got %d, %v, want ErrExists", n, err)
			}
			oneLine(t, err, `line 2, user "bob": already exists`)
			list, err := users.List(t.Context())
			if diff := cmp.Diff([]storage.User{before}, list); err != nil || diff != "" {
				t.Errorf("users afterwards: %v (-want +got):\n%s", err, diff)
			}
			if got := users.Pool.Stats().Done; got != hashed {
				t.Errorf("got %d passwords hashed for a hopeless import, want none", got-hashed)
			}
		})
	}
}

func TestImportUpdates(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	ann := add(t, users, "ann")
	lives := login(t, users.Store, ann, addClient(t, users.Store, "app"))
	in := parse(t, `[{"username":"ann","email":"ann@example.com","scopes":"a","password":"marlin-42"},{"username":"bob","password":"sword-fish"}]`)
	if n, err := users.Import(t.Context(), in, true, nil); n != 2 || err != nil {
		t.Fatalf("got %d, %v, want 2", n, err)
	}
	got, err := users.Show(t.Context(), "ann")
	if err != nil || got.ID != ann.ID || got.Email != "ann@example.com" || !slices.Equal(got.Scopes, []string{"a"}) {
		t.Errorf("got %+v, %v, want the same user with new facts", got, err)
	}
	if res, err := users.Pool.Check(t.Context(), got.PasswordHash, "marlin-42", 0); err != nil || !res.OK {
		t.Errorf("new password: got %+v, %v, want OK", res, err)
	}
	if lives() {
		t.Error("session under the old password: got a living one, want it dead")
	}
}

// Users need not come out of a file.
func TestImportChecksRules(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	for _, tt := range []struct {
		user admin.ImportedUser
		is   error
		want string
	}{
		{admin.ImportedUser{Username: "Ann", Password: "secret"}, credentials.ErrPassword, `user "ann": password has 6`},
		{admin.ImportedUser{Username: "ann"}, admin.ErrRefused, `user "ann": neither`},
		{admin.ImportedUser{HashedPassword: secretAt12}, admin.ErrRefused, `username is missing`},
	} {
		n, err := users.Import(t.Context(), []admin.ImportedUser{tt.user}, false, nil)
		if n != 0 || !errors.Is(err, tt.is) {
			t.Errorf("got %d, %v, want %v", n, err, tt.is)
		}
		oneLine(t, err, tt.want)
	}
	if n, err := users.Import(t.Context(), []admin.ImportedUser{{Username: "Ann", HashedPassword: secretAt12}}, false, nil); n != 1 || err != nil {
		t.Errorf("good user: got %d, %v, want 1", n, err)
	}
	if _, err := users.Show(t.Context(), "ann"); err != nil {
		t.Errorf("got %v, want the user under the canonical name", err)
	}
}

func TestImportStops(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	for name, in := range map[string]string{
		"hashing": `{"username":"ann","password":"sword-fish"}`,
		"writing": `{"username":"ann","hashed_password":"` + secretAt12 + `"}`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := users.Import(ctx, parse(t, in), true, nil); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %d, %v, want context.Canceled", name, n, err)
		}
	}
	users.Pool.Close()
	n, err := users.Import(t.Context(), parse(t, `{"username":"ann","password":"sword-fish"}`), true, nil)
	if n != 0 || !errors.Is(err, credentials.ErrClosed) {
		t.Errorf("without a pool: got %d, %v, want ErrClosed", n, err)
	}
	if list, err := users.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got users %v, %v, want none", list, err)
	}
}
