package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/usher-oauth/usher/resource"
)

const reports = "https://reports.example"

// profiled is a running server on which tokens for reports are signed RS256 and typed
// JWT. A rotation for a leak, with no token to lose yet, spares the six minutes in
// which the key would be announced.
func profiled(t *testing.T) (s *testServer, secret string) {
	t.Helper()
	s = newServer(t)
	var client struct {
		Secret string `json:"client_secret"`
	}
	decode(t, s.usher("client", "add", "job", "--grants", "client_credentials", "--scopes", "role:reader run", "--audiences", reports, "--introspect", "--json"), &client)
	s.usher("audience", "add", reports, "--alg", "RS256", "--typ", "JWT", "--extra-claims", "azp scp role", "--ttl", "90s")
	s.usher("key", "rotate", "--now")
	return s, client.Secret
}

func (s *testServer) machine(secret, audience string) tokens {
	s.t.Helper()
	status, body := s.post("/token", "job", secret, url.Values{"grant_type": {"client_credentials"}, "resource": {audience}})
	if status != http.StatusOK {
		s.t.Fatalf("client_credentials: got %d %s", status, body)
	}
	var answer tokens
	decode(s.t, body, &answer)
	return answer
}

// signedIntrospection returns what the server signs about a token (RFC 9701).
func (s *testServer) signedIntrospection(client, secret, token string) string {
	s.t.Helper()
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/introspect", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/token-introspection+jwt")
	req.SetBasicAuth(client, secret)
	status, body := s.do(req)
	if status != http.StatusOK || strings.Count(body, ".") != 2 {
		s.t.Fatalf("signed introspection: got %d %s", status, body)
	}
	return body
}

func TestLibrariesVerifyTokensOfAProfile(t *testing.T) {
	t.Parallel()
	s, secret := profiled(t)
	answer := s.machine(secret, reports)
	token := answer.AccessToken
	if answer.ExpiresIn != 90 {
		t.Errorf("got expires_in %d, want 90", answer.ExpiresIn)
	}

	t.Run("go-jose", func(t *testing.T) {
		_, body := s.get(s.URL+"/.well-known/jwks.json", "")
		var set jose.JSONWebKeySet
		decode(t, body, &set)
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			jwt.Claims
			AuthorizedParty string   `json:"azp"`
			Scp             []string `json:"scp"`
			Role            string   `json:"role"`
		}
		if err := parsed.Claims(&set, &claims); err != nil {
			t.Fatal(err)
		}
		if err := claims.ValidateWithLeeway(jwt.Expected{Issuer: s.URL, AnyAudience: jwt.Audience{reports}, Time: time.Now()}, 0); err != nil {
			t.Error(err)
		}
		if got := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; got != "JWT" {
			t.Errorf("got typ %v, want JWT", got)
		}
		if claims.AuthorizedParty != "job" || strings.Join(claims.Scp, " ") != "role:reader run" || claims.Role != "reader" {
			t.Errorf("got azp %q, scp %q, role %q", claims.AuthorizedParty, claims.Scp, claims.Role)
		}
	})
	t.Run("go-oidc", func(t *testing.T) {
		issuer, err := oidc.NewProvider(t.Context(), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(ctx context.Context, alg string) error {
			_, err := issuer.Verifier(&oidc.Config{ClientID: reports, SupportedSigningAlgs: []string{alg}}).Verify(ctx, token)
			return err
		}
		if err := verify(t.Context(), "RS256"); err != nil {
			t.Errorf("RS256: got %v, want it verified", err)
		}
		if verify(t.Context(), "ES256") == nil {
			t.Error("verified as ES256")
		}
	})
	t.Run("package resource", func(t *testing.T) {
		for typ, good := range map[string]bool{"JWT": true, "at+jwt": false} {
			api, err := resource.New(resource.Config{Issuer: s.URL, Audience: reports, Type: typ})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.Verify(t.Context(), token); (err == nil) != good {
				t.Errorf("type %s: got %v, want it accepted: %t", typ, err, good)
			}
		}
	})
}

// A running server follows the command line, and looks after such tokens like any other.
func TestServerLooksAfterTokensOfAProfile(t *testing.T) {
	t.Parallel()
	s, secret := profiled(t)
	active := func(token string) bool {
		status, body := s.post("/introspect", "job", secret, url.Values{"token": {token}})
		if status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", status, body)
		}
		return strings.Contains(body, `"active":true`)
	}
	one, two := s.machine(secret, reports).AccessToken, s.machine(secret, reports).AccessToken
	if status, body := s.post("/revoke", "job", secret, url.Values{"token": {one}}); status != http.StatusOK {
		t.Fatalf("revocation: got %d %s", status, body)
	}
	if active(one) || !active(two) {
		t.Errorf("revoked: active is %t, the other: %t", active(one), active(two))
	}

	verify := s.URL + "/verify?audience=" + url.QueryEscape(reports)
	if status, body := s.get(verify, two); status != http.StatusNoContent {
		t.Errorf("/verify: got %d %s, want 204", status, body)
	}
	// What this server signs that is no access token passes for none.
	if status, body := s.get(verify, s.signedIntrospection("job", secret, two)); status != http.StatusUnauthorized {
		t.Errorf("/verify with a signed introspection: got %d %s, want 401", status, body)
	}

	// The default audience may have a profile too.
	login := s.login("web", "ann", annsPassword).AccessToken
	s.wants(http.StatusOK, login, "before the default audience has a profile")
	s.usher("audience", "add", s.URL, "--typ", "JWT", "--alg", "RS256", "--extra-claims", "username")
	typed := s.login("web", "ann", annsPassword).AccessToken
	parsed, err := jwt.ParseSigned(typed, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatalf("with a profile: %v", err) // its line signs already
	}
	var claims struct {
		Username string `json:"username"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil || claims.Username != "ann" || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "JWT" {
		t.Errorf("got username %q (%v) in a token of typ %v", claims.Username, err, parsed.Headers[0].ExtraHeaders[jose.HeaderType])
	}
	s.usher("audience", "remove", reports)
	for when, token := range map[string]string{"typed JWT": typed, "typed at+jwt, from before": login} {
		s.wants(http.StatusOK, token, when)
		if status, body := s.get(s.URL+"/protected", token); status != http.StatusOK {
			t.Errorf("/protected, %s: got %d %s, want 200", when, status, body)
		}
	}
	s.usher("user", "disable", "ann")
	s.usher("user", "enable", "ann")
	s.wants(http.StatusUnauthorized, typed, "after ann was disabled")
	if !active(two) || active(one) {
		t.Error("removing the profile changed what is active")
	}
}
