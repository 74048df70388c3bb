package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func directoryTests() []test {
	return []test{{"counts every change of what may have been read", testDirectory}}
}

// Who remembers a user or a client goes by this number. What is new was read by
// nobody, and a hash of the same password is nobody's business.
func testDirectory(t *testing.T, db Database) {
	s := open(t, db)
	ann, app := s.user(t, "ann"), s.client(t, "app")
	for _, c := range []struct {
		name  string
		moves bool
		do    func(context.Context) error
	}{
		{"CreateUser", false, func(ctx context.Context) error { return s.CreateUser(ctx, storage.User{Username: "bob"}) }},
		{"CreateClient", false, func(ctx context.Context) error { return s.CreateClient(ctx, storage.Client{ID: "other"}) }},
		{"ImportUsers", false, func(ctx context.Context) error {
			return s.ImportUsers(ctx, []storage.User{{Username: "zoe"}}, false, nil)
		}},
		{"RenewPassword", false, func(ctx context.Context) error {
			return s.RenewPassword(ctx, ann.ID, ann.PasswordHash, ann.PasswordHash, 4)
		}},
		{"RevokeToken", false, func(ctx context.Context) error { return s.RevokeToken(ctx, "jti", s.clock.Now().Add(time.Hour)) }},
		{"EndGrant", false, func(ctx context.Context) error { return s.EndGrant(ctx, "grant") }},
		{"ImportUsers with update", true, func(ctx context.Context) error {
			return s.ImportUsers(ctx, []storage.User{{Username: "bob", FullName: "Bob"}}, true, nil)
		}},
		{"ChangeUser of scopes", true, func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", UserScopes("profile")) }},
		{"SetPassword", true, func(ctx context.Context) error { return s.SetPassword(ctx, ann.ID, "", "hash", 4, "") }},
		{"EndUserSessions", true, func(ctx context.Context) error { return s.EndUserSessions(ctx, "ann") }},
		{"ChangeUser to disabled", true, func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", DisableUser) }},
		{"ChangeUser to enabled", true, func(ctx context.Context) error { return s.ChangeUser(ctx, "ann", EnableUser) }},
		{"RemoveUser", true, func(ctx context.Context) error { return s.RemoveUser(ctx, "ann") }},
		{"RotateSecret", true, func(ctx context.Context) error { return s.RotateSecret(ctx, app.ID, "hash", time.Time{}) }},
		{"RotateSecret, keeping the old one", true, func(ctx context.Context) error {
			return s.RotateSecret(ctx, app.ID, "hash", s.clock.Now().Add(time.Hour))
		}},
		{"EndClientSessions", true, func(ctx context.Context) error { return s.EndClientSessions(ctx, app.ID) }},
		{"ChangeClient to disabled", true, func(ctx context.Context) error { return s.ChangeClient(ctx, app.ID, DisableClient) }},
		{"ChangeClient to enabled", true, func(ctx context.Context) error { return s.ChangeClient(ctx, app.ID, EnableClient) }},
		{"RemoveClient", true, func(ctx context.Context) error { return s.RemoveClient(ctx, app.ID) }},
	} {
		before, err := s.Versions(t.Context())
		check(t, err)
		check(t, c.do(t.Context()))
		after, err := s.Versions(t.Context())
		check(t, err)
		if moved := after.Directory > before.Directory; moved != c.moves {
			t.Errorf("%s: the directory moved: %t, want %t", c.name, moved, c.moves)
		}
		if changed, err := s.Changed(t.Context()); c.moves && (err != nil || !changed) {
			t.Errorf("%s: Changed says %t, %v, want true", c.name, changed, err)
		}
	}
}
