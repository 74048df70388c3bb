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

func userTests() []test {
	return []test{
		{"come back as they were given", testUserRoundTrip},
		{"get an id, an epoch and a creation time", testUserDefaults},
		{"are not found under a name nobody has", testUserNotFound},
		{"have names and ids that are taken once", testUserTaken},
		{"of one name are one, however many create it at once", testUserTakenAtOnce},
		{"are listed by the bytes of their names", testUserOrder},
		{"keep their sessions when their scopes change", testUserScopes},
		{"keep their sessions when their hash is renewed", testUserRenew},
		{"tell the dearest password cost", testUserMaxCost},
	}
}

func testUserRoundTrip(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	want := []storage.User{
		{ // as little as there can be
			ID: "u-1", Username: "ann", Scopes: []string{}, Epoch: "e", CreatedAt: time.UnixMilli(1).UTC(),
		},
		{ // as much
			ID: storage.NewID(), Username: "jörg.müller-Ωμέγα-山田", Email: "jörg@bücher.example", FullName: "Jörg  \"O'Neil\"; -- 山田 🦉\t%_\\",
			PasswordHash: "$2b$12$" + strings.Repeat("x", 65), PasswordCost: 12,
			Scopes: []string{"profile", "urn:example:a/b?c#d", "write"}, Disabled: true, Epoch: storage.NewEpoch(),
			CreatedAt: time.Date(2026, 2, 28, 23, 59, 59, 999e6, time.UTC),
		},
		{ // names of the length that credentials allows
			ID: storage.NewID(), Username: strings.Repeat("n", 254), Email: strings.Repeat("e", 320), FullName: strings.Repeat("ф", 1000),
			Scopes: []string{strings.Repeat("s", 1000)}, Epoch: storage.NewEpoch(), CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	}
	for _, u := range want {
		given := u
		// A time is an instant: zone and what is below a millisecond do not matter.
		given.CreatedAt = u.CreatedAt.Add(999 * time.Microsecond).In(time.FixedZone("", 5*3600+1800))
		check(t, s.CreateUser(ctx, given))
	}
	for _, u := range want {
		got, err := s.User(ctx, u.ID)
		check(t, err)
		equal(t, "User", got, u)
		got, err = s.UserByName(ctx, u.Username)
		check(t, err)
		equal(t, "UserByName", got, u)
	}
	want[1], want[2] = want[2], want[1]
	got, err := s.Users(ctx)
	check(t, err)
	equal(t, "Users", got, []storage.User{want[0], want[2], want[1]})
}

func testUserDefaults(t *testing.T, db Database) {
	s := open(t, db)
	ann, bob := s.user(t, "ann"), s.user(t, "bob")
	if len(ann.ID) != 20 || ann.ID == bob.ID {
		t.Errorf("got ids %q and %q, want two of 20 characters", ann.ID, bob.ID)
	}
	if len(ann.Epoch) != 8 || ann.Epoch == bob.Epoch {
		t.Errorf("got epochs %q and %q, want two of 8 characters", ann.Epoch, bob.Epoch)
	}
	if want := s.clock.Now(); !ann.CreatedAt.Equal(want) {
		t.Errorf("got creation time %v, want the clock's %v", ann.CreatedAt, want)
	}
}

func testUserNotFound(t *testing.T, db Database) {
	s := open(t, db)
	s.user(t, "ann")
	for _, c := range []call{
		{"User", func(ctx context.Context) error { _, err := s.User(ctx, "ann"); return err }}, // a name is no id
		{"UserByName", func(ctx context.Context) error { _, err := s.UserByName(ctx, "Ann"); return err }},
		{"UserByName of none", func(ctx context.Context) error { _, err := s.UserByName(ctx, ""); return err }},
		{"ChangeUser of scopes", func(ctx context.Context) error { return s.ChangeUser(ctx, "bob", UserScopes()) }},
		{"ChangeUser to disabled", func(ctx context.Context) error { return s.ChangeUser(ctx, "bob", DisableUser) }},
		{"ChangeUser to enabled", func(ctx context.Context) error { return s.ChangeUser(ctx, "bob", EnableUser) }},
		{"RemoveUser", func(ctx context.Context) error { return s.RemoveUser(ctx, "bob") }},
		{"SetPassword", func(ctx context.Context) error { return s.SetPassword(ctx, "bob", "", "h", 10, "") }},
		{"EndUserSessions", func(ctx context.Context) error { return s.EndUserSessions(ctx, "bob") }},
	} {
		wantErr(t, c.name, c.do(t.Context()), storage.ErrNotFound)
	}
	if got := s.since(t, 0); len(got) != 0 {
		t.Errorf("got revocations %v of users that do not exist, want none", got)
	}
}

func testUserTaken(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	wantErr(t, "the same name", s.CreateUser(ctx, storage.User{Username: "ann", Email: "other@example.com"}), storage.ErrExists)
	wantErr(t, "the same id", s.CreateUser(ctx, storage.User{ID: ann.ID, Username: "bob"}), storage.ErrExists)
	got, err := s.Users(ctx)
	check(t, err)
	equal(t, "users", got, []storage.User{ann})

	check(t, s.RemoveUser(ctx, "ann"))
	if again := s.user(t, "ann"); again.ID == ann.ID || again.Epoch == ann.Epoch {
		t.Errorf("got the id or epoch of the removed user, want new ones: %+v", again)
	}
}

func testUserTakenAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	var winner atomic.Int64
	winner.Store(-1)
	together(t, 32, func(ctx context.Context, i int) error {
		err := nodes[i%2].CreateUser(ctx, storage.User{Username: "ann", FullName: fmt.Sprint(i)})
		if errors.Is(err, storage.ErrExists) {
			return nil
		}
		if err == nil && !winner.CompareAndSwap(-1, int64(i)) {
			return errors.New("created, though another was")
		}
		return err
	})
	got, err := nodes[0].UserByName(t.Context(), "ann")
	check(t, err)
	if want := fmt.Sprint(winner.Load()); got.FullName != want {
		t.Errorf("got the user of creator %s, want that of %s, the one told so", got.FullName, want)
	}
}

func testUserOrder(t *testing.T, db Database) {
	s := open(t, db)
	want := []string{"", "-", "0", "10", "9", "Z", "_", "a", "aa", "b", "ä", "я", "山", "🦉"}
	for _, i := range []int{7, 3, 12, 0, 9, 1, 13, 5, 10, 2, 6, 11, 4, 8} {
		s.user(t, want[i])
	}
	users, err := s.Users(t.Context())
	check(t, err)
	var got []string
	for _, u := range users {
		got = append(got, u.Username)
	}
	equal(t, "names", got, want)
}

func testUserScopes(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, bob := s.user(t, "ann"), s.user(t, "bob")
	g := s.login(t, ann, s.client(t, "app"))
	for _, scopes := range [][]string{{"a", "b"}, {}} {
		check(t, s.ChangeUser(ctx, "ann", UserScopes(scopes...)))
		want := ann
		want.Scopes = scopes
		got, err := s.User(ctx, ann.ID)
		check(t, err)
		equal(t, "ann", got, want)
	}
	s.wantLive(t, "ann's session", g, true)
	got, err := s.User(ctx, bob.ID)
	check(t, err)
	equal(t, "bob, who was not named", got, bob)
}

func testUserRenew(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	g := s.login(t, ann, s.client(t, "app"))

	check(t, s.RenewPassword(ctx, ann.ID, "some other hash", "lost", 4))
	check(t, s.RenewPassword(ctx, "nobody", ann.PasswordHash, "lost", 4))
	got, err := s.User(ctx, ann.ID)
	check(t, err)
	equal(t, "ann, whose hash is another than the one to replace", got, ann)

	check(t, s.RenewPassword(ctx, ann.ID, ann.PasswordHash, "dearer", 12))
	want := ann
	want.PasswordHash, want.PasswordCost = "dearer", 12
	got, err = s.User(ctx, ann.ID)
	check(t, err)
	equal(t, "ann", got, want)
	s.wantLive(t, "ann's session", g, true)
	equal(t, "revocations", len(s.since(t, 0)), 0)
}

func testUserMaxCost(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for _, step := range []struct {
		after string
		do    func() error
		want  int
	}{
		{"nothing", func() error { return nil }, 0},
		{"a first user", func() error { return s.CreateUser(ctx, storage.User{Username: "ann", PasswordCost: 10}) }, 10},
		{"a dearer one", func() error { return s.CreateUser(ctx, storage.User{Username: "bob", PasswordCost: 14}) }, 14},
		{"a cheaper one", func() error { return s.CreateUser(ctx, storage.User{Username: "eve", PasswordCost: 4}) }, 14},
		{"the dearest left", func() error { return s.RemoveUser(ctx, "bob") }, 10},
	} {
		check(t, step.do())
		got, err := s.MaxPasswordCost(ctx)
		check(t, err)
		if got != step.want {
			t.Errorf("after %s: got %d, want %d", step.after, got, step.want)
		}
	}
}
