package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func pruneTests() []test {
	return []test{
		{"deletes what is dead and nothing else", testPruneExactly},
		{"deletes a bounded number at a time", testPruneBounded},
		{"ticks off a bounded number at a time", testPruneBoundedTicks},
		{"goes on until nothing is left, whatever its limit", testPruneTerminates},
		{"keeps a revocation until the grants it ended are gone", testPruneSweepsFirst},
		{"keeps a signing key for a month after it left the key set", testPruneKeys},
		{"sweeps again after each event of a user or client", testPruneSweepsAgain},
		{"runs on two nodes while others write", testPruneAtOnce},
		{"finds sessions that end before those it has seen", testPruneShorter},
		{"finds sessions that a clock or a backup brought from the past", testPruneBehind},
		{"does not lose by one look what another found meanwhile", testPruneMeanwhile},
		{"follows what lives over sixty days", testPruneFollows},
	}
}

// prune prunes until it is done and returns how many rows that were.
func (n node) prune(t *testing.T, limit int) (total int64) {
	t.Helper()
	for range 1000 {
		done, err := n.Prune(t.Context(), limit)
		check(t, err)
		total += done
		if done < int64(limit) {
			return total
		}
	}
	t.Fatal("got no end of pruning, want one")
	return 0
}

func testPruneExactly(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	_, err := s.RaiseAccessTokenTTL(ctx, 10*time.Minute)
	check(t, err)
	ann, bob, eve := s.user(t, "ann"), s.user(t, "bob"), s.user(t, "eve")
	app, web, gone := s.client(t, "app"), s.client(t, "web"), s.client(t, "gone")
	if got := s.prune(t, 10); got != 0 {
		t.Errorf("a database of the living: got %d rows pruned, want 0", got)
	}

	brief := s.grant(ann, app)
	brief.ExpiresAt = s.clock.Now().Add(time.Minute)
	check(t, s.CreateGrant(ctx, brief))
	living := []storage.Grant{s.login(t, ann, app), s.login(t, ann, app)}
	dead := []storage.Grant{
		s.login(t, bob, app), s.login(t, bob, app), s.login(t, eve, app), s.login(t, ann, web), s.login(t, ann, gone),
	}
	check(t, s.RevokeToken(ctx, "soon", s.clock.Now()))
	check(t, s.RevokeToken(ctx, "late", s.clock.Now().Add(time.Hour)))
	check(t, s.SetPassword(ctx, bob.ID, "", "new", 10, dead[1].ID))
	living, dead = append(living, dead[1]), slices.Delete(dead, 1, 2)
	check(t, s.ChangeUser(ctx, "eve", DisableUser))
	check(t, s.EndClientSessions(ctx, "web"))
	check(t, s.RemoveClient(ctx, "gone"))

	s.clock.Advance(5 * time.Minute)
	s.prune(t, 10)
	for _, g := range dead {
		_, err := s.Session(ctx, g.ID)
		wantErr(t, "a dead session", err, storage.ErrNotFound)
	}
	for _, g := range living {
		s.wantLive(t, "a living session", g, true)
	}
	_, err = s.Session(ctx, brief.ID) // its refresh token still has to log out
	wantErr(t, "an expired session whose access tokens may live", err, nil)
	var keys []string
	for _, r := range s.since(t, 0) {
		keys = append(keys, r.Key)
	}
	equal(t, "revocations that concern living tokens", keys, []string{"late", bob.ID, eve.ID, "web", "gone"})

	s.clock.Advance(10 * time.Minute)
	s.prune(t, 10)
	equal(t, "revocations when all but one are past", len(s.since(t, 0)), 1)
	_, err = s.Session(ctx, brief.ID)
	wantErr(t, "an expired session whose access tokens are too", err, storage.ErrNotFound)
	for _, g := range living {
		s.wantLive(t, "a living session", g, true)
	}
	if got := s.prune(t, 10); got != 0 {
		t.Errorf("pruning once more: got %d rows, want 0", got)
	}

	s.clock.Advance(24 * time.Hour)
	if got, want := s.prune(t, 10), int64(len(living)+1); got != want {
		t.Errorf("a day later: got %d rows pruned, want %d: the sessions and the last revocation", got, want)
	}
	users, err := s.Users(ctx)
	check(t, err)
	clients, err := s.Clients(ctx)
	check(t, err)
	if len(users) != 3 || len(clients) != 2 {
		t.Errorf("got %d users and %d clients, want all 3 and 2", len(users), len(clients))
	}
}

func testPruneBounded(t *testing.T, db Database) {
	for _, tt := range []struct {
		name string
		kill func(context.Context, node, storage.Client) error
	}{
		{"expired grants", func(_ context.Context, s node, _ storage.Client) error { s.clock.Advance(time.Hour); return nil }},
		{"ended grants", func(ctx context.Context, s node, c storage.Client) error { return s.EndClientSessions(ctx, c.ID) }},
	} {
		s, ctx := open(t, db), t.Context()
		ann, app := s.user(t, "ann of "+tt.name), s.client(t, "app of "+tt.name)
		var grants []storage.Grant
		for range 25 {
			grants = append(grants, s.login(t, ann, app))
		}
		check(t, tt.kill(ctx, s, app))
		for i, want := range []int{10, 10, 5, 0} {
			before := s.rows(t, grants)
			_, err := s.Prune(ctx, 10)
			check(t, err)
			if got := before - s.rows(t, grants); got != want {
				t.Errorf("%s, call %d of limit 10: got %d rows fewer, want %d", tt.name, i+1, got, want)
			}
		}
	}
}

// Revocations that have no grant to end take time as well.
func testPruneBoundedTicks(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	for i := range 12 {
		check(t, s.EndClientSessions(ctx, s.client(t, fmt.Sprint("app-", i)).ID))
	}
	for i, want := range []int64{5, 5, 2, 0} {
		got, err := s.Prune(ctx, 5)
		check(t, err)
		if got != want {
			t.Errorf("call %d of limit 5: got %d rows, want %d", i+1, got, want)
		}
	}
}

func testPruneSweepsAgain(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	s.user(t, "ann")
	s.client(t, "app")
	for _, c := range []call{
		{"EndUserSessions", func(ctx context.Context) error { return s.EndUserSessions(ctx, "ann") }},
		{"EndClientSessions", func(ctx context.Context) error { return s.EndClientSessions(ctx, "app") }},
	} {
		for round := range 3 {
			ann, err := s.UserByName(ctx, "ann")
			check(t, err)
			app, err := s.Client(ctx, "app")
			check(t, err)
			g := s.login(t, ann, app)
			check(t, c.do(ctx))
			s.prune(t, 10)
			if got := s.rows(t, []storage.Grant{g}); got != 0 {
				t.Errorf("%s, time %d: got its grant left, want it swept", c.name, round+1)
			}
		}
	}
}

// rows counts those of the grants that are there, dead or alive.
func (n node) rows(t *testing.T, grants []storage.Grant) (count int) {
	t.Helper()
	for _, g := range grants {
		if _, err := n.Session(t.Context(), g.ID); err == nil {
			count++
		}
	}
	return count
}

func testPruneTerminates(t *testing.T, db Database) {
	for _, limit := range []int{1, 2, 3, 7, 100} {
		s, ctx := open(t, db), t.Context()
		ann := s.user(t, fmt.Sprint("ann-", limit))
		var grants []storage.Grant
		for i := range 12 {
			app := s.client(t, fmt.Sprint("app-", limit, "-", i))
			if i%4 == 3 { // most revocations have no grant to end
				grants = append(grants, s.login(t, ann, app), s.login(t, ann, app))
			}
			check(t, s.EndClientSessions(ctx, app.ID))
		}
		s.prune(t, limit)
		if got := s.rows(t, grants); got != 0 {
			t.Errorf("limit %d: got %d dead grants left when it said it was done, want 0", limit, got)
		}
		s.clock.Advance(24 * time.Hour)
		s.prune(t, limit)
		if got := len(s.since(t, 0)); got != 0 {
			t.Errorf("limit %d: got %d past revocations left, want 0", limit, got)
		}
	}
}

func testPruneSweepsFirst(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	var grants []storage.Grant
	for range 5 {
		g := s.grant(ann, app)
		g.ExpiresAt = s.clock.Now().Add(30 * 24 * time.Hour)
		check(t, s.CreateGrant(ctx, g))
		grants = append(grants, g)
	}
	check(t, s.EndUserSessions(ctx, "ann"))
	s.clock.Advance(24 * time.Hour) // no access token of then is alive
	for range 10 {
		_, err := s.Prune(ctx, 2)
		check(t, err)
		left, kept := s.rows(t, grants), len(s.since(t, 0)) == 1
		if left > 0 && !kept {
			t.Fatalf("got the revocation deleted before %d of its grants", left)
		}
		if left == 0 && !kept {
			return
		}
	}
	t.Error("got the revocation kept for good, want it deleted after its grants")
}

func testPruneKeys(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	now := s.clock.Now()
	const day = 24 * time.Hour
	check(t, s.SaveSigningKeys(ctx, 0,
		storage.SigningKey{ID: "signing", Sealed: []byte("s"), CreatedAt: now.Add(-400 * day)},
		storage.SigningKey{ID: "retiring", Sealed: []byte("s"), CreatedAt: now.Add(-4 * day), PublishedUntil: now.Add(time.Hour)},
		storage.SigningKey{ID: "remembered", Sealed: []byte("s"), CreatedAt: now.Add(-3 * day), PublishedUntil: now.Add(-30*day + time.Minute)},
		storage.SigningKey{ID: "past", Sealed: []byte("s"), CreatedAt: now.Add(-2 * day), PublishedUntil: now.Add(-30 * day)},
	))
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"signing", "retiring", "remembered"}},
		{time.Minute, []string{"signing", "retiring"}},
		{31 * day, []string{"signing"}},
		{1000 * day, []string{"signing"}},
	} {
		s.clock.Advance(step.after)
		s.prune(t, 10)
		keys, _, err := s.SigningKeys(ctx)
		check(t, err)
		var got []string
		for _, k := range keys {
			got = append(got, k.ID)
		}
		equal(t, fmt.Sprintf("keys %v later", step.after), got, step.want)
	}
}

func testPruneAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ann, app := nodes[0].user(t, "ann"), nodes[0].client(t, "app")
	var dead [40]storage.Grant
	for i := range dead {
		dead[i] = nodes[0].login(t, ann, app)
	}
	nodes[0].clock.Advance(time.Hour)
	var living [20]storage.Grant
	together(t, 4+len(living), func(ctx context.Context, i int) error {
		s := nodes[i%2]
		if i >= 4 {
			living[i-4] = s.grant(ann, app)
			return s.CreateGrant(ctx, living[i-4])
		}
		for {
			if n, err := s.Prune(ctx, 5); n < 5 || err != nil {
				return err
			}
		}
	})
	if got := nodes[0].rows(t, dead[:]); got != 0 {
		t.Errorf("got %d expired grants left, want 0", got)
	}
	if got := nodes[0].rows(t, living[:]); got != len(living) {
		t.Errorf("got %d living grants left, want all %d", got, len(living))
	}
}
