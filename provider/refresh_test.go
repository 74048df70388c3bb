package provider_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage/storagetest"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.login("scope", "profile read")
	s.clock.Advance(time.Minute)
	second, err := s.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("the refresh returned a token again")
	}
	if second.Scope != "profile read" || second.ExpiresIn != 1800 {
		t.Errorf("got scope %q for %d s, want %q for 1800 s", second.Scope, second.ExpiresIn, "profile read")
	}
	a, b := s.claims(first.AccessToken), s.claims(second.AccessToken)
	if a.AuthTime != b.AuthTime || a.Subject != b.Subject {
		t.Errorf("the refreshed token has auth_time %d of %s, want %d of %s", b.AuthTime, b.Subject, a.AuthTime, a.Subject)
	}
	if b.IssuedAt != a.IssuedAt+60 || b.ID == a.ID {
		t.Errorf("the refreshed token has iat %d and jti %s, want iat %d and another jti than %s", b.IssuedAt, b.ID, a.IssuedAt+60, a.ID)
	}
	s.wantActive("after a refresh", false, first.RefreshToken)
	s.wantActive("after a refresh", true, first.AccessToken, second.AccessToken, second.RefreshToken)
}

func TestARetryWithinTheGraceGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.login()
	second, err := s.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(9 * time.Second)
	retried, err := s.Provider.Token(t.Context(), request(t, values("grant_type", "refresh_token", "refresh_token", first.RefreshToken)))
	if err != nil {
		t.Fatal(err)
	}
	want := *second
	want.ExpiresIn -= 9
	if diff := cmp.Diff(&want, retried); diff != "" {
		t.Errorf("the retry differs from the first answer (-want +got):\n%s", diff)
	}
	onOtherNode, err := s.node().Token(t.Context(), request(t, values("grant_type", "refresh_token", "refresh_token", first.RefreshToken)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, onOtherNode); diff != "" {
		t.Errorf("another node's answer differs (-want +got):\n%s", diff)
	}
	s.wantActive("after retries", true, second.AccessToken, second.RefreshToken)
}

func TestReuseEndsTheGrant(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		reuse func(s *server, first, second string) (last string)
	}{
		{"of the parent after the grace", func(s *server, first, second string) string {
			s.clock.Advance(10 * time.Second)
			s.mustFailRefresh(first)
			return second
		}},
		{"of the parent within the grace, once its successor was used", func(s *server, first, second string) string {
			third := s.mustRefresh(second)
			s.mustFailRefresh(first)
			return third.RefreshToken
		}},
		{"of an older ancestor within the grace", func(s *server, first, second string) string {
			third := s.mustRefresh(second)
			fourth := s.mustRefresh(third.RefreshToken)
			s.mustFailRefresh(first)
			return fourth.RefreshToken
		}},
		{"whatever scope it asks for", func(s *server, first, second string) string {
			s.clock.Advance(10 * time.Second)
			_, err := s.refresh(first, "scope", "nonsense")
			wantProblem(s.t, err, 400, "invalid_grant")
			return second
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			login := s.login()
			second := s.mustRefresh(login.RefreshToken)
			last := tt.reuse(s, login.RefreshToken, second.RefreshToken)
			s.wantActive("after reuse", false, login.AccessToken, second.AccessToken, login.RefreshToken, second.RefreshToken, last)
			s.mustFailRefresh(last)
		})
	}
}

func (s *server) mustRefresh(token string) *provider.Token {
	s.t.Helper()
	refreshed, err := s.refresh(token)
	if err != nil {
		s.t.Fatal(err)
	}
	return refreshed
}

func (s *server) mustFailRefresh(token string) {
	s.t.Helper()
	_, err := s.refresh(token)
	wantProblem(s.t, err, 400, "invalid_grant")
}

func TestParallelRefreshesHaveOneSuccessor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		grace time.Duration
	}{
		{"with a grace all get it", 10 * time.Second},
		{"without a grace one gets it", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(c *provider.Config) { c.RefreshGrace = tt.grace })
			nodes := []*provider.Provider{s.Provider, s.node(), s.node()}
			token := s.login().RefreshToken
			const n = 64
			var wg sync.WaitGroup
			answers := make([]*provider.Token, n)
			for i := range n {
				wg.Go(func() {
					r := request(t, values("grant_type", "refresh_token", "refresh_token", token))
					var err error
					if answers[i], err = nodes[i%len(nodes)].Token(t.Context(), r); err != nil {
						wantProblem(t, err, 400, "invalid_grant")
					}
				})
			}
			wg.Wait()
			successors := make(map[provider.Token]int)
			for _, a := range answers {
				if a != nil {
					successors[*a]++
				}
			}
			if len(successors) != 1 {
				t.Fatalf("got %d successors, want 1", len(successors))
			}
			for a, times := range successors {
				if tt.grace == 0 && times != 1 {
					t.Errorf("%d requests won, want 1", times)
				}
				if tt.grace > 0 {
					if times != n {
						t.Errorf("%d requests got the answer, want all %d", times, n)
					}
					s.mustRefresh(a.RefreshToken)
				}
			}
		})
	}
}

func TestRefreshLifetimeIsAbsolute(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.RefreshTokenTTL = 2 * time.Hour })
	token := s.login().RefreshToken
	want := s.clock.Now().Add(2 * time.Hour).Unix()
	for range 3 {
		s.clock.Advance(39 * time.Minute)
		token = s.mustRefresh(token).RefreshToken
		if got := s.introspect(token).Expiry; got != want {
			t.Errorf("the refresh token expires at %d, want %d", got, want)
		}
	}
	s.clock.Advance(3*time.Minute - time.Millisecond)
	token = s.mustRefresh(token).RefreshToken
	s.clock.Advance(time.Millisecond)
	s.mustFailRefresh(token)
	s.wantActive("after its lifetime", false, token)
}

func TestRefreshNarrows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login("scope", "profile read").RefreshToken
	narrow, err := s.refresh(token, "scope", "read")
	if err != nil {
		t.Fatal(err)
	}
	if narrow.Scope != "read" || s.claims(narrow.AccessToken).Scope != "read" {
		t.Errorf("got scope %q, want read", narrow.Scope)
	}
	if wide := s.mustRefresh(narrow.RefreshToken); wide.Scope != "profile read" {
		t.Errorf("the next refresh got scope %q, want all of the login's", wide.Scope)
	}
}

func TestARefusedRefreshUsesNothingUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		form []string
		code string
	}{
		{"a scope that was not granted", []string{"scope", "profile write"}, "invalid_scope"},
		{"a malformed scope", []string{"scope", "pro\"file"}, "invalid_scope"},
		{"an audience that was not granted", []string{"audience", "https://api.example"}, "invalid_target"},
		{"another client", []string{"client_id", "other"}, "invalid_grant"},
		{"a client without the grant", []string{"client_id", "once"}, "unauthorized_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			login := s.login()
			_, err := s.refresh(login.RefreshToken, tt.form...)
			wantProblem(t, err, 400, tt.code)
			s.wantActive("after a refusal", true, login.AccessToken, login.RefreshToken)
			s.mustRefresh(login.RefreshToken)
		})
	}
}

func TestAnotherClientsReuseEndsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.login().RefreshToken
	second := s.mustRefresh(first)
	s.clock.Advance(time.Minute)
	_, err := s.refresh(first, "client_id", "other")
	wantProblem(t, err, 400, "invalid_grant")
	s.wantActive("after another client's reuse", true, second.RefreshToken)
}

func TestNarrowerUsersAndClientsNarrowTheNextRefresh(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login("scope", "profile read").RefreshToken
	if err := s.store.ChangeUser(t.Context(), "ann", storagetest.UserScopes("read")); err != nil {
		t.Fatal(err)
	}
	refreshed := s.mustRefresh(token)
	if refreshed.Scope != "read" {
		t.Errorf("got scope %q, want read", refreshed.Scope)
	}
	if err := s.store.ChangeUser(t.Context(), "ann", storagetest.UserScopes()); err != nil {
		t.Fatal(err)
	}
	_, err := s.refresh(refreshed.RefreshToken)
	wantProblem(t, err, 400, "invalid_scope")
}

func TestARefreshMayNarrowTheAudience(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	basic := []string{"api", s.secret}
	login, err := s.Token(t.Context(), request(t, values("grant_type", "password", "username", "ann", "password", password,
		"resource", "https://api.example", "audience", "jobs"), basic...))
	if err != nil {
		t.Fatal(err)
	}
	refresh := func(token string, pairs ...string) (*provider.Token, error) {
		form := values(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
		return s.Token(t.Context(), request(t, form, basic...))
	}
	one, err := refresh(login.RefreshToken, "audience", "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"jobs"}, s.claims(one.AccessToken).Audience); diff != "" {
		t.Errorf("narrowed aud (-want +got):\n%s", diff)
	}
	_, err = refresh(one.RefreshToken, "resource", "https://b.example")
	wantProblem(t, err, 400, "invalid_target")
	all, err := refresh(one.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"https://api.example", "jobs"}, s.claims(all.AccessToken).Audience); diff != "" {
		t.Errorf("aud of the next refresh (-want +got):\n%s", diff)
	}
}

func TestForgedRefreshTokensAreNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login()
	genuine := login.RefreshToken
	for name, forged := range map[string]string{
		"altered MAC":                genuine[:len(genuine)-1] + other(genuine[len(genuine)-1]),
		"altered random part":        genuine[:30] + other(genuine[30]) + genuine[31:],
		"altered grant":              genuine[:10] + other(genuine[10]) + genuine[11:],
		"cut":                        genuine[:len(genuine)-1],
		"extended":                   genuine + "A",
		"prefix alone":               genuine[:4],
		"padded":                     genuine + "=",
		"white space":                genuine + "\n",
		"made of the grant id alone": genuine[:24] + strings.Repeat("A", 48),
	} {
		t.Run(name, func(t *testing.T) {
			s.mustFailRefresh(forged)
			s.wantActive("a forged token", false, forged)
			s.revoke(forged, "web")
		})
	}
	s.wantActive("after forgeries", true, login.AccessToken, genuine)
	s.mustRefresh(genuine)
}

// other returns a base64url character that is not c.
func other(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestWithoutAGraceAClockPutBackIsNone(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.RefreshGrace = 0 })
	first := s.login()
	second := s.mustRefresh(first.RefreshToken)
	s.clock.Advance(-time.Minute)
	s.mustFailRefresh(first.RefreshToken)
	s.wantActive("after reuse", false, second.RefreshToken)
}
