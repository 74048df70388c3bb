package storagetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func lifeTests() []test {
	return []test{
		{"has nothing to migrate once it is open", testMigrated},
		{"writes nothing for a caller who has left", testCancelled},
		{"does what it said for a caller who leaves meanwhile", testCancelledMeanwhile},
		{"ends with an error for every method, and closes twice", testClosed},
		{"ends after the writes it took on", testClosedMeanwhile},
		{"keeps all that was written for the next", testReopened},
	}
}

func testMigrated(t *testing.T, db Database) {
	s := open(t, db)
	s.user(t, "ann")
	pending, err := s.Pending(t.Context())
	check(t, err)
	if pending {
		t.Error("got migrations pending, want none")
	}
	from, to, err := s.Migrate(t.Context())
	check(t, err)
	if from != to || to < 1 {
		t.Errorf("got migrated from %d to %d, want one version", from, to)
	}
	equal(t, "names", s.names(t), []string{"ann"})
	db.Open(t, storage.Options{}) // finds nothing to do either
}

// writes are all methods that write, each with something to do.
func writes(s node, ann storage.User, app storage.Client, g storage.Grant) []call {
	return []call{
		{"CreateUser", func(ctx context.Context) error { return s.CreateUser(ctx, storage.User{Username: "new"}) }},
		{"ImportUsers", func(ctx context.Context) error { return s.ImportUsers(ctx, people("one", "two"), false, nil) }},
		{"ChangeUser of scopes", func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", UserScopes("other")) }},
		{"SetPassword", func(ctx context.Context) error { return s.SetPassword(ctx, ann.ID, "", "other", 9, "") }},
		{"RenewPassword", func(ctx context.Context) error { return s.RenewPassword(ctx, ann.ID, ann.PasswordHash, "other", 9) }},
		{"ChangeUser to disabled", func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", DisableUser) }},
		{"ChangeUser to enabled", func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", EnableUser) }},
		{"EndUserSessions", func(ctx context.Context) error { return s.EndUserSessions(ctx, "ann") }},
		{"RemoveUser", func(ctx context.Context) error { return s.RemoveUser(ctx, "ann") }},
		{"CreateClient", func(ctx context.Context) error { return s.CreateClient(ctx, storage.Client{ID: "new"}) }},
		{"RotateSecret", func(ctx context.Context) error { return s.RotateSecret(ctx, app.ID, "other", time.Time{}) }},
		{"ChangeClient to disabled", func(ctx context.Context) error { return s.ChangeClient(ctx, app.ID, DisableClient) }},
		{"ChangeClient to enabled", func(ctx context.Context) error { return s.ChangeClient(ctx, app.ID, EnableClient) }},
		{"EndClientSessions", func(ctx context.Context) error { return s.EndClientSessions(ctx, app.ID) }},
		{"RemoveClient", func(ctx context.Context) error { return s.RemoveClient(ctx, app.ID) }},
		{"CreateGrant", func(ctx context.Context) error { return s.CreateGrant(ctx, s.grant(ann, app)) }},
		{"RotateGrant", func(ctx context.Context) error {
			_, err := s.RotateGrant(ctx, g.ID, g.Refresh, token(g.ID, 1), nil)
			return err
		}},
		{"ConfirmGrant", func(ctx context.Context) error { return s.ConfirmGrant(ctx, g.ID) }},
		{"EndGrant", func(ctx context.Context) error { return s.EndGrant(ctx, g.ID) }},
		{"RevokeToken", func(ctx context.Context) error { return s.RevokeToken(ctx, "jti", s.clock.Now()) }},
		{"RaiseAccessTokenTTL", func(ctx context.Context) error { _, err := s.RaiseAccessTokenTTL(ctx, time.Hour); return err }},
		{"SaveSigningKeys", func(ctx context.Context) error {
			return s.SaveSigningKeys(ctx, 0, storage.SigningKey{ID: "k", Sealed: []byte("s")})
		}},
		{"SaveAudience", func(ctx context.Context) error {
			return s.SaveAudience(ctx, 0, storage.Audience{URI: "https://new.example", TTL: 24 * time.Hour})
		}},
		{"DeleteAudience", func(ctx context.Context) error { return s.DeleteAudience(ctx, 0, "https://api.example") }},
		{"Prune", func(ctx context.Context) error { _, err := s.Prune(ctx, 10); return err }},
	}
}

// reads are all methods that read.
func reads(s node, ann storage.User, app storage.Client, g storage.Grant) []call {
	return []call{
		{"User", func(ctx context.Context) error { _, err := s.User(ctx, ann.ID); return err }},
		{"UserByName", func(ctx context.Context) error { _, err := s.UserByName(ctx, "ann"); return err }},
		{"Users", func(ctx context.Context) error { _, err := s.Users(ctx); return err }},
		{"MaxPasswordCost", func(ctx context.Context) error { _, err := s.MaxPasswordCost(ctx); return err }},
		{"Client", func(ctx context.Context) error { _, err := s.Client(ctx, app.ID); return err }},
		{"Clients", func(ctx context.Context) error { _, err := s.Clients(ctx); return err }},
		{"Session", func(ctx context.Context) error { _, err := s.Session(ctx, g.ID); return err }},
		{"Revocations", func(ctx context.Context) error { _, err := s.Revocations(ctx, 0); return err }},
		{"AccessTokenTTL", func(ctx context.Context) error { _, err := s.AccessTokenTTL(ctx); return err }},
		{"Versions", func(ctx context.Context) error { _, err := s.Versions(ctx); return err }},
		{"SigningKeys", func(ctx context.Context) error { _, _, err := s.SigningKeys(ctx); return err }},
		{"Audiences", func(ctx context.Context) error { _, err := s.Audiences(ctx); return err }},
	}
}

// contents is all that can be read of a database.
type contents struct {
	Users       []storage.User
	Clients     []storage.Client
	Revocations []storage.Revocation
	Keys        []storage.SigningKey
	KeyVersion  int64
	Audiences   []storage.Audience
	Newest      storage.Versions
	TTL         time.Duration
	Session     storage.Session
}

func (n node) contents(t *testing.T, g storage.Grant) (c contents) {
	t.Helper()
	ctx := t.Context()
	var errs [8]error
	c.Users, errs[0] = n.Users(ctx)
	c.Clients, errs[1] = n.Clients(ctx)
	c.Revocations, errs[2] = n.Revocations(ctx, 0)
	c.Keys, c.KeyVersion, errs[3] = n.SigningKeys(ctx)
	c.Newest, errs[4] = n.Versions(ctx)
	c.TTL, errs[5] = n.AccessTokenTTL(ctx)
	c.Session, errs[6] = n.Session(ctx, g.ID)
	c.Audiences, errs[7] = n.Audiences(ctx)
	check(t, errors.Join(errs[:]...))
	return c
}

func testCancelled(t *testing.T, db Database) {
	s := open(t, db)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g := s.login(t, ann, app)
	check(t, s.RevokeToken(t.Context(), "past", s.clock.Now()))
	s.clock.Advance(10 * time.Minute) // something to prune
	before := s.contents(t, g)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 8 { // a race between leaving and writing would be lost at times
		for _, c := range writes(s, ann, app, g) {
			wantErr(t, c.name, c.do(ctx), context.Canceled)
		}
	}
	for _, c := range reads(s, ann, app, g) {
		wantErr(t, c.name, c.do(ctx), context.Canceled)
	}
	check(t, s.CreateUser(t.Context(), storage.User{Username: "zoe"})) // behind whatever still waits
	check(t, s.RemoveUser(t.Context(), "zoe"))
	after := s.contents(t, g)
	if len(after.Revocations) == 0 || after.Newest.Revocations != before.Newest.Revocations+1 {
		t.Fatalf("got revocations %+v, want those of before and zoe's", after.Revocations)
	}
	after.Revocations, after.Newest = after.Revocations[:len(after.Revocations)-1], before.Newest
	equal(t, "the database", after, before)
}

// An error of a context means that nothing was written and never will be.
func testCancelledMeanwhile(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ann, app := nodes[0].user(t, "ann"), nodes[0].client(t, "app")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var grants [64]storage.Grant
	var errs [64]error
	var done atomic.Int64
	together(t, len(grants), func(_ context.Context, i int) error {
		grants[i] = nodes[i%2].grant(ann, app)
		errs[i] = nodes[i%2].CreateGrant(ctx, grants[i])
		if done.Add(1) == 8 {
			cancel()
		}
		return nil
	})
	for i, err := range errs {
		if err != nil {
			wantErr(t, "CreateGrant", err, context.Canceled)
		}
		_, got := nodes[0].Session(t.Context(), grants[i].ID)
		if (err == nil) != (got == nil) {
			t.Errorf("grant %d: got %v from writing it and %v from reading it", i, err, got)
		}
	}
}

func testClosed(t *testing.T, db Database) {
	s := open(t, db)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g := s.login(t, ann, app)
	check(t, s.Close())
	check(t, s.Close())
	calls := append(reads(s, ann, app, g), writes(s, ann, app, g)...)
	calls = append(calls,
		call{"Changed", func(ctx context.Context) error { _, err := s.Changed(ctx); return err }},
		call{"Pending", func(ctx context.Context) error { _, err := s.Pending(ctx); return err }},
		call{"Migrate", func(ctx context.Context) error { _, _, err := s.Migrate(ctx); return err }},
	)
	for _, c := range calls {
		wantErr(t, c.name, c.do(t.Context()), storage.ErrClosed)
	}
}

func testClosedMeanwhile(t *testing.T, db Database) {
	s := open(t, db)
	other := openAt(t, db, s.clock)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	var grants [32]storage.Grant
	var errs [32]error
	together(t, len(grants)+1, func(ctx context.Context, i int) error {
		if i == len(grants) {
			return s.Close()
		}
		grants[i] = s.grant(ann, app)
		errs[i] = s.CreateGrant(ctx, grants[i])
		return nil
	})
	for i, err := range errs {
		if err != nil {
			wantErr(t, "CreateGrant", err, storage.ErrClosed)
		}
		_, got := other.Session(t.Context(), grants[i].ID)
		if (err == nil) != (got == nil) {
			t.Errorf("grant %d: got %v from writing it and %v from reading it", i, err, got)
		}
	}
}

func testReopened(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g := s.login(t, ann, app)
	_, err := s.RotateGrant(ctx, g.ID, g.Refresh, token(g.ID, 1), []byte("answer"))
	check(t, err)
	check(t, s.RevokeToken(ctx, "jti", s.clock.Now()))
	_, err = s.RaiseAccessTokenTTL(ctx, time.Hour)
	check(t, err)
	check(t, s.SaveSigningKeys(ctx, 0, storage.SigningKey{ID: "k", Algorithm: "ES256", Sealed: []byte("s")}))
	want := s.contents(t, g)
	check(t, s.Close())
	equal(t, "the database", openAt(t, db, s.clock).contents(t, g), want)
}
