package provider_test

import (
	"testing"
	"time"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// What is remembered to be quick is forgotten when it changes, whichever process
// changes it: a token that was found good, its user, and the client that asks.
func TestWhatIsRememberedDiesWithItsChange(t *testing.T) {
	t.Parallel()
	ask := func(s *server, token string) (*provider.Introspection, error) {
		return s.Introspect(t.Context(), request(t, values("token", token), "auditor", s.secret))
	}
	for _, tt := range []struct {
		name   string
		change func(s *server, process *storage.Store, login *provider.Token) error
		// What then becomes of an introspection that was answered a hundred times.
		asker, active bool
	}{
		{"nothing", func(*server, *storage.Store, *provider.Token) error { return nil }, true, true},
		{"the token is revoked", func(s *server, _ *storage.Store, login *provider.Token) error {
			return s.Revoke(t.Context(), request(t, values("client_id", "web", "token", login.AccessToken)))
		}, true, false},
		{"the user is disabled", func(_ *server, process *storage.Store, _ *provider.Token) error {
			return process.ChangeUser(t.Context(), "ann", storagetest.DisableUser)
		}, true, false},
		{"the user is removed", func(_ *server, process *storage.Store, _ *provider.Token) error {
			return process.RemoveUser(t.Context(), "ann")
		}, true, false},
		{"the key is replaced at once", func(s *server, process *storage.Store, _ *provider.Token) error {
			k := s.keys
			k.Store = process
			_, err := k.RotateNow(t.Context(), keys.ES256)
			return err
		}, true, false},
		{"the token expires", func(s *server, _ *storage.Store, _ *provider.Token) error {
			s.clock.Advance(s.config.AccessTokenTTL + time.Second)
			return nil
		}, true, false},
		{"the asking client is disabled", func(_ *server, process *storage.Store, _ *provider.Token) error {
			return process.ChangeClient(t.Context(), "auditor", storagetest.DisableClient)
		}, false, false},
		{"the asking client is removed", func(_ *server, process *storage.Store, _ *provider.Token) error {
			return process.RemoveClient(t.Context(), "auditor")
		}, false, false},
		{"the asking client gets another secret", func(_ *server, process *storage.Store, _ *provider.Token) error {
			return process.RotateSecret(t.Context(), "auditor", "0", time.Time{})
		}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			process := s.open() // as the command line does
			login := s.login()
			for range 100 {
				if found, err := ask(s, login.AccessToken); err != nil || !found.Active {
					t.Fatalf("before: got %+v, %v, want active", found, err)
				}
			}
			if err := tt.change(s, process, login); err != nil {
				t.Fatal(err)
			}
			s.knows(func() bool {
				found, err := ask(s, login.AccessToken)
				return (err == nil) == tt.asker && (err != nil || found.Active == tt.active)
			})
		})
	}
}

// A client that was given a secret, or enabled, works with it at once, also where a
// node remembers what it was before and has not heard of the change.
func TestANewSecretWorksAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		before, after func(*storage.Store, string) error
	}{
		{"another secret", nil, func(process *storage.Store, hash string) error {
			return process.RotateSecret(t.Context(), "auditor", hash, time.Time{})
		}},
		{"enabled again", func(process *storage.Store, hash string) error {
			if err := process.RotateSecret(t.Context(), "auditor", hash, time.Time{}); err != nil {
				return err
			}
			return process.ChangeClient(t.Context(), "auditor", storagetest.DisableClient)
		}, func(process *storage.Store, _ string) error {
			return process.ChangeClient(t.Context(), "auditor", storagetest.EnableClient)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			process, secret := s.open(), credentials.GenerateSecret()
			hash := credentials.HashSecret(secret)
			if tt.before != nil {
				if err := tt.before(process, hash); err != nil {
					t.Fatal(err)
				}
			}
			ask := func(secret string) error {
				_, err := s.Introspect(t.Context(), request(t, values("token", "x"), "auditor", secret))
				return err
			}
			for range 3 {
				_ = ask(s.secret) // refused where the client is disabled: remembered all the same
			}
			if err := tt.after(process, hash); err != nil {
				t.Fatal(err)
			}
			if err := ask(secret); err != nil {
				t.Errorf("got %v, want an answer", err)
			}
		})
	}
}
