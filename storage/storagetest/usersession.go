package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func userSessionTests() []test {
	return []test{
		{"end with what ends them, and with one revocation each time", testUserEvents},
		{"of before do not come back when the user is enabled", testUserEnable},
		{"survive a password change when they are the one to keep", testKeepGrant},
		{"that were kept end with the next event", testKeptGrantEnds},
		{"that are dead are not revived by keeping them", testKeepDeadGrant},
		{"of another user are not touched by keeping them", testKeepForeignGrant},
		{"are not ended by who knew the password before last", testStalePassword},
	}
}

func testUserEvents(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	app := s.client(t, "app")
	var seq int64
	for _, event := range []struct {
		name string
		do   func(storage.User) error
		want func(*storage.User) // what it changes beside the epoch; nil: the user is gone
	}{
		{"ChangeUser to disabled", func(u storage.User) error { return s.ChangeUser(ctx, u.Username, DisableUser) },
			func(u *storage.User) { u.Disabled = true }},
		{"EndUserSessions", func(u storage.User) error { return s.EndUserSessions(ctx, u.Username) },
			func(*storage.User) {}},
		{"SetPassword", func(u storage.User) error { return s.SetPassword(ctx, u.ID, "", "new", 11, "") },
			func(u *storage.User) { u.PasswordHash, u.PasswordCost = "new", 11 }},
		{"RemoveUser", func(u storage.User) error { return s.RemoveUser(ctx, u.Username) }, nil},
	} {
		ann, bob := s.user(t, "ann-"+event.name), s.user(t, "bob-"+event.name)
		anns, bobs := s.login(t, ann, app), s.login(t, bob, app)
		check(t, event.do(ann))

		after, err := s.User(ctx, ann.ID)
		if event.want == nil {
			wantErr(t, "User after "+event.name, err, storage.ErrNotFound)
			_, err = s.Session(ctx, anns.ID)
			wantErr(t, "Session after "+event.name, err, storage.ErrNotFound)
			after.Epoch = ""
		} else {
			check(t, err)
			if after.Epoch == ann.Epoch || len(after.Epoch) != 8 {
				t.Errorf("%s: got epoch %q after %q, want a new one", event.name, after.Epoch, ann.Epoch)
			}
			want := ann
			want.Epoch = after.Epoch
			event.want(&want)
			equal(t, "ann after "+event.name, after, want)
		}
		s.wantLive(t, "ann's session after "+event.name, anns, false)
		s.wantLive(t, "bob's session after "+event.name, bobs, true)

		news := s.since(t, seq)
		if len(news) != 1 {
			t.Fatalf("%s: got revocations %+v, want one", event.name, news)
		}
		r := news[0]
		if r.Seq <= seq {
			t.Errorf("%s: got number %d, want more than %d", event.name, r.Seq, seq)
		}
		seq = r.Seq
		if want := (storage.Revocation{Seq: r.Seq, Kind: storage.KindUser, Key: ann.ID, Epoch: after.Epoch, Until: r.Until}); r != want {
			t.Errorf("%s: got revocation %+v, want %+v", event.name, r, want)
		}
		if !r.Covers(anns.ID, ann.Epoch) {
			t.Errorf("%s: the revocation does not cover tokens of before", event.name)
		}
		if event.want != nil && r.Covers("later", after.Epoch) {
			t.Errorf("%s: the revocation covers tokens of afterwards", event.name)
		}
	}
}

func testUserEnable(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	before := s.login(t, ann, app)
	check(t, s.ChangeUser(ctx, "ann", DisableUser))
	check(t, s.ChangeUser(ctx, "ann", EnableUser))
	check(t, s.ChangeUser(ctx, "ann", EnableUser)) // once more changes nothing
	ann, err := s.User(ctx, ann.ID)
	check(t, err)
	if ann.Disabled {
		t.Error("got a disabled user, want an enabled one")
	}
	s.wantLive(t, "the session of before", before, false)
	s.wantLive(t, "a session of afterwards", s.login(t, ann, app), true)
	if !s.revoked(t, storage.KindUser, ann.ID, before.ID, before.UserEpoch) {
		t.Error("got the tokens of before alive, want them dead")
	}
}

func testKeepGrant(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	kept, other := s.login(t, ann, app), s.login(t, ann, app)
	for range 2 { // its tokens of two epochs ago live as well
		check(t, s.SetPassword(ctx, ann.ID, "", "new", 10, kept.ID))
	}
	s.wantLive(t, "the session to keep", kept, true)
	s.wantLive(t, "the other session", other, false)

	now, err := s.User(ctx, ann.ID)
	check(t, err)
	for _, tt := range []struct {
		name, grant, epoch string
		want               bool
	}{
		{"an old token of the kept session", kept.ID, ann.Epoch, false},
		{"a new token of the kept session", kept.ID, now.Epoch, false},
		{"an old token of another session", other.ID, ann.Epoch, true},
		{"a token of a session after it", "later", now.Epoch, false},
	} {
		if got := s.revoked(t, storage.KindUser, ann.ID, tt.grant, tt.epoch); got != tt.want {
			t.Errorf("%s: got revoked %t, want %t", tt.name, got, tt.want)
		}
	}
	won, err := s.RotateGrant(ctx, kept.ID, token(kept.ID, 0), token(kept.ID, 1), nil)
	if !won || err != nil {
		t.Errorf("refreshing the kept session: got %t, %v, want true", won, err)
	}
}

func testKeptGrantEnds(t *testing.T, db Database) {
	for _, event := range []struct {
		name string
		do   func(context.Context, node, storage.User, storage.Grant) error
	}{
		{"EndUserSessions", func(ctx context.Context, s node, u storage.User, _ storage.Grant) error {
			return s.EndUserSessions(ctx, u.Username)
		}},
		{"ChangeUser to disabled", func(ctx context.Context, s node, u storage.User, _ storage.Grant) error {
			return s.ChangeUser(ctx, u.Username, DisableUser)
		}},
		{"RemoveUser", func(ctx context.Context, s node, u storage.User, _ storage.Grant) error {
			return s.RemoveUser(ctx, u.Username)
		}},
		{"SetPassword that keeps another", func(ctx context.Context, s node, u storage.User, other storage.Grant) error {
			return s.SetPassword(ctx, u.ID, "", "newer", 10, other.ID)
		}},
	} {
		s, ctx := open(t, db), t.Context()
		ann, app := s.user(t, "ann-"+event.name), s.client(t, "app-"+event.name)
		kept := s.login(t, ann, app)
		check(t, s.SetPassword(ctx, ann.ID, "", "new", 10, kept.ID))
		now, err := s.User(ctx, ann.ID)
		check(t, err)
		check(t, event.do(ctx, s, ann, s.login(t, now, app)))

		s.wantLive(t, "the kept session after "+event.name, kept, false)
		for _, epoch := range []string{ann.Epoch, now.Epoch} {
			if !s.revoked(t, storage.KindUser, ann.ID, kept.ID, epoch) {
				t.Errorf("after %s: got a token of the kept session alive, want it dead", event.name)
			}
		}
	}
}

// Two sessions may ask for a new password at the same time. The one that is
// second was ended by the first, and must not keep what is dead.
func testKeepDeadGrant(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	first, second, ended := s.login(t, ann, app), s.login(t, ann, app), s.login(t, ann, app)
	check(t, s.EndGrant(ctx, ended.ID))
	for _, tt := range []struct {
		name string
		keep storage.Grant
		live bool
	}{
		{"the first session", first, true},
		{"the second session", second, false},
		{"the session that was ended by itself", ended, false},
	} {
		check(t, s.SetPassword(ctx, ann.ID, "", "of "+tt.name, 10, tt.keep.ID))
		s.wantLive(t, tt.name, tt.keep, tt.live)
		if got := s.revoked(t, storage.KindUser, ann.ID, tt.keep.ID, ann.Epoch); got == tt.live {
			t.Errorf("%s: got its tokens revoked %t, want %t", tt.name, got, !tt.live)
		}
	}
}

func testKeepForeignGrant(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := storage.User{ID: "a", Username: "ann", Epoch: "same"}
	bob := storage.User{ID: "b", Username: "bob", Epoch: "same"}
	check(t, s.CreateUser(ctx, ann))
	check(t, s.CreateUser(ctx, bob))
	bobs := s.login(t, bob, s.client(t, "app"))
	check(t, s.SetPassword(ctx, ann.ID, "", "new", 10, bobs.ID))
	got, err := s.Session(ctx, bobs.ID)
	check(t, err)
	equal(t, "bob's grant", got.Grant, bobs)
	s.clock.Advance(30 * time.Minute)
	s.wantLive(t, "bob's session", bobs, true)
}

func testStalePassword(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	check(t, s.SetPassword(ctx, ann.ID, ann.PasswordHash, "second", 10, ""))
	err := s.SetPassword(ctx, ann.ID, ann.PasswordHash, "third", 10, "")
	wantErr(t, "a change of the password before last", err, storage.ErrConflict)
	now, err := s.User(ctx, ann.ID)
	check(t, err)
	equal(t, "the hash", now.PasswordHash, "second")
}
