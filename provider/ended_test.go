package provider_test

import (
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

func TestIntrospectionDescribesEachKind(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login()
	machine, err := s.Token(t.Context(), request(t, values("grant_type", "client_credentials"), "api", s.secret))
	if err != nil {
		t.Fatal(err)
	}
	c, m := s.claims(login.AccessToken), s.claims(machine.AccessToken)
	now := s.clock.Now().Unix()
	for _, tt := range []struct {
		name, token string
		want        provider.Introspection
	}{
		{"a user's access token", login.AccessToken, provider.Introspection{Active: true, Scope: "profile read", ClientID: "web", Username: "ann",
			TokenType: "Bearer", Expiry: now + 1800, IssuedAt: now, Subject: c.Subject, Audience: []string{issuer}, Issuer: issuer, ID: c.ID}},
		{"a client's access token", machine.AccessToken, provider.Introspection{Active: true, Scope: "read", ClientID: "api",
			TokenType: "Bearer", Expiry: now + 1800, IssuedAt: now, Subject: "api", Audience: []string{issuer}, Issuer: issuer, ID: m.ID}},
		{"a refresh token", login.RefreshToken, provider.Introspection{Active: true, Scope: "profile read", ClientID: "web", Username: "ann",
			Expiry: now + 720*3600, IssuedAt: now, Subject: c.Subject}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := encode(t, s.introspect(tt.token)), encode(t, tt.want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestClientsSeeTheirOwnTokensAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login()
	machine, err := s.Token(t.Context(), request(t, values("grant_type", "client_credentials"), "api", s.secret))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) string {
		found, err := s.Introspect(t.Context(), request(t, values("token", token), "api", s.secret))
		if err != nil {
			t.Fatal(err)
		}
		return encode(t, found)
	}
	for _, token := range []string{login.AccessToken, login.RefreshToken, "", "nonsense", "a.b.c"} {
		if token == "" {
			continue
		}
		if got := ask(token); got != `{"active":false}` {
			t.Errorf("got %s, want inactive and nothing else", got)
		}
	}
	if got := ask(machine.AccessToken); got == `{"active":false}` {
		t.Error("the client's own token is inactive")
	}
}

func TestIntrospectionRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name   string
		form   url.Values
		basic  []string
		status int
		code   string
	}{
		{"nobody", values("token", "x"), nil, 401, "invalid_client"},
		{"a public client", values("token", "x", "client_id", "web"), nil, 401, "invalid_client"},
		{"a wrong secret", values("token", "x"), []string{"api", "wrong"}, 401, "invalid_client"},
		{"a disabled client", values("token", "x"), []string{"off", s.secret}, 401, "invalid_client"},
		{"no token", values(), []string{"api", s.secret}, 400, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Introspect(t.Context(), request(t, tt.form, tt.basic...))
			wantProblem(t, err, tt.status, tt.code)
		})
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		revoke        func(*server, *provider.Token, *provider.Token)
		active, ended func(first, second *provider.Token) []string
	}{
		{"an access token ends alone",
			func(s *server, _, second *provider.Token) { s.revoke(second.AccessToken, "web") },
			func(first, second *provider.Token) []string { return []string{first.AccessToken, second.RefreshToken} },
			func(_, second *provider.Token) []string { return []string{second.AccessToken} }},
		{"a refresh token ends its grant",
			func(s *server, _, second *provider.Token) { s.revoke(second.RefreshToken, "web") },
			func(*provider.Token, *provider.Token) []string { return nil },
			func(first, second *provider.Token) []string {
				return []string{first.AccessToken, second.AccessToken, second.RefreshToken}
			}},
		{"a rotated refresh token ends its grant too",
			func(s *server, first, _ *provider.Token) { s.revoke(first.RefreshToken, "web") },
			func(*provider.Token, *provider.Token) []string { return nil },
			func(first, second *provider.Token) []string {
				return []string{first.AccessToken, second.AccessToken, second.RefreshToken}
			}},
		{"another client ends nothing",
			func(s *server, first, second *provider.Token) {
				for _, token := range []string{first.RefreshToken, second.RefreshToken, second.AccessToken} {
					s.revoke(token, "other")
				}
			},
			func(first, second *provider.Token) []string {
				return []string{first.AccessToken, second.AccessToken, second.RefreshToken}
			},
			func(*provider.Token, *provider.Token) []string { return nil }},
		{"unknown tokens are no error",
			func(s *server, _, _ *provider.Token) {
				for _, token := range []string{"x", "a.b.c", "urt_", "...."} {
					s.revoke(token, "web")
				}
			},
			func(first, second *provider.Token) []string {
				return []string{first.AccessToken, second.AccessToken, second.RefreshToken}
			},
			func(*provider.Token, *provider.Token) []string { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			first := s.login()
			second := s.mustRefresh(first.RefreshToken)
			tt.revoke(s, first, second)
			s.wantActive("what lives", true, tt.active(first, second)...)
			s.wantActive("what ended", false, tt.ended(first, second)...)
			elsewhere := s.node()
			for _, token := range tt.ended(first, second) {
				found, err := elsewhere.Introspect(t.Context(), request(t, values("token", token), "auditor", s.secret))
				if err != nil || found.Active {
					t.Errorf("on another node: active %v (%v), want inactive", found, err)
				}
			}
		})
	}
}

func TestRevokeRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	wantProblem(t, s.Revoke(t.Context(), request(t, values("client_id", "web"))), 400, "invalid_request")
	wantProblem(t, s.Revoke(t.Context(), request(t, values("token", "x"), "api", "wrong")), 401, "invalid_client")
}

// What another process commits counts at the next request, and what ended never
// comes back.
func TestWhatEndsAUserOrClientEndsItForGood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(*storage.Store, *testing.T) error
		back func(*storage.Store, *testing.T) error
	}{
		{"disabling and enabling the user",
			func(s *storage.Store, t *testing.T) error {
				return s.ChangeUser(t.Context(), "ann", storagetest.DisableUser)
			},
			func(s *storage.Store, t *testing.T) error {
				return s.ChangeUser(t.Context(), "ann", storagetest.EnableUser)
			}},
		{"ending the user's sessions",
			func(s *storage.Store, t *testing.T) error { return s.EndUserSessions(t.Context(), "ann") }, nil},
		{"disabling and enabling the client",
			func(s *storage.Store, t *testing.T) error {
				return s.ChangeClient(t.Context(), "web", storagetest.DisableClient)
			},
			func(s *storage.Store, t *testing.T) error {
				return s.ChangeClient(t.Context(), "web", storagetest.EnableClient)
			}},
		{"ending the client's sessions",
			func(s *storage.Store, t *testing.T) error { return s.EndClientSessions(t.Context(), "web") }, nil},
		{"removing the client and adding it again",
			func(s *storage.Store, t *testing.T) error { return s.RemoveClient(t.Context(), "web") },
			func(s *storage.Store, t *testing.T) error {
				return s.CreateClient(t.Context(), storage.Client{ID: "web", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}})
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			process := s.open() // as the command line does
			login := s.login()
			s.wantActive("before", true, login.AccessToken, login.RefreshToken)
			if err := tt.end(process, t); err != nil {
				t.Fatal(err)
			}
			s.learn(login.AccessToken)
			s.wantActive("after", false, login.AccessToken, login.RefreshToken)
			if tt.back != nil {
				if err := tt.back(process, t); err != nil {
					t.Fatal(err)
				}
			}
			s.mustFailRefresh(login.RefreshToken)
			s.wantActive("after it came back", false, login.AccessToken, login.RefreshToken)
			// In the same second: no whole-second iat decides.
			again := s.login()
			s.wantActive("what was issued after", true, again.AccessToken, again.RefreshToken)
			s.mustRefresh(again.RefreshToken)
		})
	}
}

func TestARemovedUserIsGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login()
	if err := s.store.RemoveUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	s.wantActive("after removal", false, login.AccessToken, login.RefreshToken)
	s.mustFailRefresh(login.RefreshToken)
	s.revoke(login.RefreshToken, "web")
	s.addUser("ann", "profile")
	s.wantActive("after another took the name", false, login.AccessToken, login.RefreshToken)
}

// A shorter lifetime configured later must not let a revocation be forgotten
// while a token of the longer one lives.
func TestARevocationOutlivesTokensOfALongerLifetime(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.AccessTokenTTL = 24 * time.Hour })
	login := s.login()
	short := s.config
	short.AccessTokenTTL = time.Minute
	p, err := provider.New(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	s.Provider = p
	if err := s.store.EndUserSessions(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(23 * time.Hour)
	if _, err := s.store.Prune(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	s.Provider = s.node()
	s.wantActive("23 hours later", false, login.AccessToken)
}

// A token is checked while its user is disabled, again and again: the answer may
// turn from active to inactive once, never back.
func TestRevocationIsSeenByEveryCheckThatBeginsAfterIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nodes := []*provider.Provider{s.Provider, s.node()}
	for range 20 {
		token := s.login().AccessToken
		claims := s.claims(token)
		var revoked atomic.Bool
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for done := false; !done; {
					done = revoked.Load()
					active, err := nodes[i%2].Active(t.Context(), claims)
					if err != nil || (done && active) {
						t.Errorf("node %d: active %v (%v) after the revocation was acknowledged", i%2, active, err)
					}
				}
			})
		}
		s.revoke(token, "web")
		revoked.Store(true)
		wg.Wait()
	}
}

func TestWithoutTheDatabaseNoTokenIsAccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login()
	claims := s.claims(login.AccessToken)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if active, err := s.Active(t.Context(), claims); active || err == nil {
		t.Errorf("got active %v and error %v, want an error", active, err)
	}
	if _, err := s.KeySet().Verify(t.Context(), login.AccessToken, accesstoken.Type); err == nil {
		t.Error("a signature was verified by keys that may be outdated")
	}
	for _, form := range []url.Values{values("token", login.AccessToken), values("token", login.RefreshToken)} {
		if found, err := s.Introspect(t.Context(), request(t, form, "auditor", s.secret)); err == nil {
			t.Errorf("introspection answered %s, want an error", encode(t, found))
		}
		if err := s.Revoke(t.Context(), request(t, form, "api", s.secret)); err == nil {
			t.Error("a revocation that did not happen was acknowledged")
		}
	}
	if _, err := s.refresh(login.RefreshToken); err == nil {
		t.Error("a refresh that did not happen was answered")
	}
}

func TestExpiryIsStrict(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login().AccessToken
	s.clock.Advance(30*time.Minute - 501*time.Millisecond)
	s.wantActive("a moment before", true, token)
	s.clock.Advance(time.Millisecond)
	s.wantActive("on time", false, token)
}

// A session's last access token may outlive the session, and logging out then
// must end it all the same.
func TestALogoutAfterTheSessionEndsItsLastAccessToken(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.RefreshTokenTTL = time.Hour })
	first := s.login()
	s.clock.Advance(50 * time.Minute)
	last := s.mustRefresh(first.RefreshToken)
	s.clock.Advance(15 * time.Minute)
	if _, err := s.store.Prune(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	s.mustFailRefresh(last.RefreshToken)
	s.wantActive("after the session", true, last.AccessToken)
	s.revoke(last.RefreshToken, "web")
	s.wantActive("after logging out", false, last.AccessToken)
}

// What was issued after an event works at once on every node, also on one that has
// heard of an earlier event and not of this one.
func TestWhatIsIssuedAfterAnEventWorksEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	process, elsewhere := s.open(), s.node()
	for range 20 {
		if err := process.EndUserSessions(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		if err := process.EndClientSessions(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		token := s.login().AccessToken
		for name, node := range map[string]*provider.Provider{"this node": s.Provider, "another": elsewhere} {
			found, err := node.Introspect(t.Context(), request(t, values("token", token), "auditor", s.secret))
			if err != nil || !found.Active {
				t.Fatalf("%s: active %v (%v), want active", name, found, err)
			}
		}
	}
}
