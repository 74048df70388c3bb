package storagetest

import (
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func clientSessionTests() []test {
	return []test{
		{"end with what ends them, and with one revocation each time", testClientEvents},
		{"of before do not come back when the client is enabled", testClientEnable},
		{"of a removed client stay dead under a new one of its id", testClientReborn},
		{"of a removed client stay dead though its id changed hands often", testClientRebornOften},
		{"of a new client need no revocation once the old one's is gone", testClientRebornLate},
	}
}

func testClientEvents(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	var seq int64
	for _, event := range []struct {
		name string
		do   func(id string) error
		want func(*storage.Client) // what it changes beside the epoch; nil: the client is gone
	}{
		{"ChangeClient to disabled", func(id string) error { return s.ChangeClient(ctx, id, DisableClient) }, func(c *storage.Client) { c.Disabled = true }},
		{"EndClientSessions", func(id string) error { return s.EndClientSessions(ctx, id) }, func(*storage.Client) {}},
		{"RemoveClient", func(id string) error { return s.RemoveClient(ctx, id) }, nil},
	} {
		app, web := s.client(t, "app-"+event.name), s.client(t, "web-"+event.name)
		apps, webs := s.login(t, ann, app), s.login(t, ann, web)
		check(t, event.do(app.ID))

		after, err := s.Client(ctx, app.ID)
		if event.want == nil {
			wantErr(t, "Client after "+event.name, err, storage.ErrNotFound)
			_, err = s.Session(ctx, apps.ID)
			wantErr(t, "Session after "+event.name, err, storage.ErrNotFound)
			after.Epoch = ""
		} else {
			check(t, err)
			if after.Epoch == app.Epoch || len(after.Epoch) != 8 {
				t.Errorf("%s: got epoch %q after %q, want a new one", event.name, after.Epoch, app.Epoch)
			}
			want := app
			want.Epoch = after.Epoch
			event.want(&want)
			equal(t, "the client after "+event.name, after, want)
		}
		s.wantLive(t, "the client's session after "+event.name, apps, false)
		s.wantLive(t, "another client's session after "+event.name, webs, true)

		news := s.since(t, seq)
		if len(news) != 1 {
			t.Fatalf("%s: got revocations %+v, want one", event.name, news)
		}
		r := news[0]
		if r.Seq <= seq {
			t.Errorf("%s: got number %d, want more than %d", event.name, r.Seq, seq)
		}
		seq = r.Seq
		if want := (storage.Revocation{Seq: r.Seq, Kind: storage.KindClient, Key: app.ID, Epoch: after.Epoch, Until: r.Until}); r != want {
			t.Errorf("%s: got revocation %+v, want %+v", event.name, r, want)
		}
		if !r.Covers(apps.ID, app.Epoch) {
			t.Errorf("%s: the revocation does not cover tokens of before", event.name)
		}
	}
}

func testClientEnable(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	before := s.login(t, ann, app)
	check(t, s.ChangeClient(ctx, "app", DisableClient))
	check(t, s.ChangeClient(ctx, "app", EnableClient))
	app, err := s.Client(ctx, "app")
	check(t, err)
	if app.Disabled {
		t.Error("got a disabled client, want an enabled one")
	}
	s.wantLive(t, "the session of before", before, false)
	s.wantLive(t, "a session of afterwards", s.login(t, ann, app), true)
	if !s.revoked(t, storage.KindClient, "app", before.ID, before.ClientEpoch) {
		t.Error("got the tokens of before alive, want them dead")
	}
}

func testClientReborn(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, old := s.user(t, "ann"), s.client(t, "app")
	olds := s.login(t, ann, old)
	check(t, s.RemoveClient(ctx, "app"))
	reborn := s.client(t, "app")
	if reborn.Epoch == old.Epoch {
		t.Fatalf("got epoch %q again, want a new one", old.Epoch)
	}
	news := s.login(t, ann, reborn)

	for range 2 { // before the sweep and after it
		s.wantLive(t, "a session of the old client", olds, false)
		s.wantLive(t, "a session of the new client", news, true)
		if !s.revoked(t, storage.KindClient, "app", olds.ID, old.Epoch) {
			t.Error("got the old client's tokens alive, want them dead")
		}
		if s.revoked(t, storage.KindClient, "app", news.ID, reborn.Epoch) {
			t.Error("got the new client's tokens dead, want them alive")
		}
		_, err := s.Prune(ctx, 10)
		check(t, err)
	}
	_, err := s.Session(ctx, olds.ID)
	wantErr(t, "the old client's session after the sweep", err, storage.ErrNotFound)
}

func testClientRebornOften(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann := s.user(t, "ann")
	var dead []storage.Grant
	for range 4 {
		dead = append(dead, s.login(t, ann, s.client(t, "app")))
		check(t, s.RemoveClient(ctx, "app"))
	}
	news := s.login(t, ann, s.client(t, "app"))
	s.wantLive(t, "a session of the newest client", news, true)
	for _, g := range dead {
		s.wantLive(t, "a session of an older client", g, false)
		if !s.revoked(t, storage.KindClient, "app", g.ID, g.ClientEpoch) {
			t.Error("got an older client's token alive, want it dead")
		}
	}
}

func testClientRebornLate(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	olds := s.login(t, s.user(t, "ann"), s.client(t, "app"))
	check(t, s.RemoveClient(ctx, "app"))
	s.clock.Advance(24 * time.Hour)
	_, err := s.Prune(ctx, 10)
	check(t, err)
	reborn := s.client(t, "app")
	equal(t, "revocations", len(s.since(t, 0)), 0)
	s.wantLive(t, "a session of the old client", olds, false)
	ann, err := s.UserByName(ctx, "ann")
	check(t, err)
	s.wantLive(t, "a session of the new client", s.login(t, ann, reborn), true)
}
