package storagetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func grantTests() []test {
	return []test{
		{"come back with their user and client", testGrantRoundTrip},
		{"are no session once grant, user or client is gone", testGrantNotFound},
		{"have ids that are taken once", testGrantTaken},
		{"show their user and client as they are now", testGrantSeesChanges},
		{"end with a revocation, also when they are gone already", testEndGrant},
		{"end though their tokens rotate meanwhile", testEndGrantWhileRotating},
		{"are dead if their user's sessions end while they are made", testGrantMadeWhileEnding},
	}
}

func testGrantRoundTrip(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	for _, tt := range []struct {
		name string
		want storage.Grant
	}{
		{"as little as there can be", storage.Grant{ID: "bare", Scopes: []string{}, Audiences: []string{}}},
		{"as much", storage.Grant{
			ID: storage.NewID(), UserEpoch: ann.Epoch, ClientEpoch: app.Epoch,
			Scopes: []string{"profile", "write"}, Audiences: []string{"https://bücher.example/a?b", "urn:example:b"},
			AuthTime: time.Date(2026, 2, 28, 23, 59, 59, 999e6, time.UTC), ExpiresAt: time.Date(2026, 3, 31, 0, 0, 0, 1e6, time.UTC),
			RotatedAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Refresh: []byte("\x00\xff" + strings.Repeat("é", 35)),
		}},
	} {
		tt.want.UserID, tt.want.ClientID = ann.ID, app.ID
		given := tt.want
		if !given.AuthTime.IsZero() {
			given.AuthTime = given.AuthTime.Add(999 * time.Microsecond).In(time.FixedZone("", 3600))
		}
		check(t, s.CreateGrant(ctx, given))
		got, err := s.Session(ctx, tt.want.ID)
		check(t, err)
		equal(t, tt.name, got, storage.Session{
			Grant: tt.want, Username: ann.Username,
			User:   storage.Party{Scopes: ann.Scopes, Disabled: ann.Disabled, Epoch: ann.Epoch},
			Client: storage.Party{Scopes: app.Scopes, Disabled: app.Disabled, Epoch: app.Epoch},
		})
	}
}

func testGrantNotFound(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, bob, app, web := s.user(t, "ann"), s.user(t, "bob"), s.client(t, "app"), s.client(t, "web")
	whole, noUser, noClient := s.login(t, ann, app), s.login(t, bob, app), s.login(t, ann, web)
	check(t, s.RemoveUser(ctx, "bob"))
	check(t, s.RemoveClient(ctx, "web"))
	for _, tt := range []struct {
		name, id string
		want     error
	}{
		{"all three there", whole.ID, nil},
		{"no such grant", storage.NewID(), storage.ErrNotFound},
		{"no grant named", "", storage.ErrNotFound},
		{"user removed", noUser.ID, storage.ErrNotFound},
		{"client removed", noClient.ID, storage.ErrNotFound},
	} {
		_, err := s.Session(ctx, tt.id)
		wantErr(t, tt.name, err, tt.want)
	}
}

func testGrantTaken(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	g := s.login(t, s.user(t, "ann"), s.client(t, "app"))
	again := g
	again.Scopes = []string{"admin"}
	wantErr(t, "the same id", s.CreateGrant(ctx, again), storage.ErrExists)
	got, err := s.Session(ctx, g.ID)
	check(t, err)
	equal(t, "the grant", got.Grant, g)
}

func testGrantSeesChanges(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ctx := t.Context()
	g := nodes[0].login(t, nodes[0].user(t, "ann"), nodes[0].client(t, "app"))
	check(t, nodes[1].ChangeUser(ctx, "ann", UserScopes("narrow")))
	check(t, nodes[1].ChangeClient(ctx, "app", ClientScopes("wide")))
	got, err := nodes[0].Session(ctx, g.ID)
	check(t, err)
	equal(t, "the user's scopes", got.User.Scopes, []string{"narrow"})
	equal(t, "the client's scopes", got.Client.Scopes, []string{"wide"})
	equal(t, "the grant's scopes", got.Grant.Scopes, g.Scopes)
}

func testEndGrant(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g, other := s.login(t, ann, app), s.login(t, ann, app)
	for i, id := range []string{g.ID, g.ID, "gone long ago"} {
		before, err := s.Versions(ctx)
		check(t, err)
		check(t, s.EndGrant(ctx, id))
		news := s.since(t, before.Revocations)
		if len(news) != 1 {
			t.Fatalf("ending %d: got revocations %+v, want one", i+1, news)
		}
		if want := (storage.Revocation{Seq: before.Revocations + 1, Kind: storage.KindGrant, Key: id, Until: news[0].Until}); news[0] != want {
			t.Errorf("ending %d: got revocation %+v, want %+v", i+1, news[0], want)
		}
	}
	_, err := s.Session(ctx, g.ID)
	wantErr(t, "the ended session", err, storage.ErrNotFound)
	won, err := s.RotateGrant(ctx, g.ID, g.Refresh, token(g.ID, 1), nil)
	if won || err != nil {
		t.Errorf("refreshing the ended session: got %t, %v, want false", won, err)
	}
	s.wantLive(t, "the user's other session", other, true)
	if !s.revoked(t, storage.KindGrant, g.ID, g.ID, g.UserEpoch) {
		t.Error("got the ended session's tokens alive, want them dead")
	}
}

// Whoever refreshes while a session ends either was first, or is refused; nothing
// brings the session back.
func testEndGrantWhileRotating(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ann, app := nodes[0].user(t, "ann"), nodes[0].client(t, "app")
	for range 8 {
		g := nodes[0].login(t, ann, app)
		together(t, 4, func(ctx context.Context, i int) error {
			s := nodes[i%2]
			if i == 0 {
				for n := range 3 { // some way along the chain
					if _, err := s.RotateGrant(ctx, g.ID, token(g.ID, n), token(g.ID, n+1), nil); err != nil {
						return err
					}
				}
				return s.EndGrant(ctx, g.ID)
			}
			for n := range 20 {
				won, err := s.RotateGrant(ctx, g.ID, token(g.ID, n), token(g.ID, n+1), []byte("answer"))
				if err != nil {
					return err
				}
				_, err = s.Session(ctx, g.ID)
				if !won && errors.Is(err, storage.ErrNotFound) {
					return nil
				}
			}
			return nil
		})
		_, err := nodes[1].Session(t.Context(), g.ID)
		wantErr(t, "the session afterwards", err, storage.ErrNotFound)
		for n := range 21 {
			won, err := nodes[1].RotateGrant(t.Context(), g.ID, token(g.ID, n), token(g.ID, n+1), nil)
			if won || err != nil {
				t.Errorf("token %d afterwards: got %t, %v, want false", n, won, err)
			}
		}
		if !nodes[1].revoked(t, storage.KindGrant, g.ID, g.ID, g.UserEpoch) {
			t.Error("got the ended session's tokens alive, want them dead")
		}
	}
}

// A login reads the user, takes its time over the password and then makes the
// grant. What ends the user's sessions meanwhile ends that one too.
func testGrantMadeWhileEnding(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ann, app := nodes[0].user(t, "ann"), nodes[0].client(t, "app")
	var grants [16]storage.Grant
	together(t, len(grants), func(ctx context.Context, i int) error {
		if i == 0 {
			return nodes[1].EndUserSessions(ctx, "ann")
		}
		grants[i] = nodes[i%2].grant(ann, app)
		return nodes[i%2].CreateGrant(ctx, grants[i])
	})
	for _, g := range grants[1:] {
		nodes[0].wantLive(t, "a session under the epoch of before", g, false)
	}
}
