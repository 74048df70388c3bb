package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/keys/keystest"
)

// Every forgery that can be made of one valid token and the published keys is
// refused by the running server, wherever tokens are taken, and never by a 5xx.
func TestForgedTokensAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	t.Run("at+jwt", func(t *testing.T) {
		t.Parallel()
		forgedTokensAreRefused(t, newServer(t))
	})
	t.Run("JWT", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.usher("audience", "add", s.URL, "--typ", "JWT", "--alg", "RS256")
		s.usher("key", "rotate", "--now")
		forgedTokensAreRefused(t, s)
	})
}

func forgedTokensAreRefused(t *testing.T, s *testServer) {
	var rs struct {
		Secret string `json:"client_secret"`
	}
	decode(t, s.usher("client", "add", "rs", "--introspect", "--json"), &rs)
	valid := s.login("web", "ann", annsPassword).AccessToken
	_, jwks := s.get(s.URL+"/.well-known/jwks.json", "")

	forgeries := keystest.ForgeriesFromToken(valid, []byte(jwks))
	if len(forgeries) < 50 {
		t.Fatalf("got %d forgeries, want the whole list", len(forgeries))
	}
	for _, f := range forgeries {
		t.Run(f.Name, func(t *testing.T) { s.refuses(t, rs.Secret, f) })
	}
	s.wants(http.StatusOK, valid, "the token they were made of")
}

// refuses demands that a forgery is refused wherever tokens are taken. The client rs
// may introspect with that secret.
func (s *testServer) refuses(t *testing.T, secret string, f keystest.Forgery) {
	t.Helper()
	status, body := s.post("/introspect", "rs", secret, url.Values{"token": {f.Token}})
	switch {
	case f.Token == "":
		if status != http.StatusBadRequest {
			t.Errorf("introspection: got %d %s, want 400", status, body)
		}
	case len(f.Token) > 60<<10:
		if status != http.StatusRequestEntityTooLarge {
			t.Errorf("introspection: got %d %s, want 413", status, body)
		}
	case status != http.StatusOK || strings.TrimSpace(body) != `{"active":false}`:
		t.Errorf("introspection: got %d %s, want inactive and nothing else", status, body)
	}
	s.refusesBearer(t, f)
	if status, body := s.post("/revoke", "", "", url.Values{"token": {f.Token}, "client_id": {"web"}}); status >= 500 {
		t.Errorf("revocation: got %d %s", status, body)
	}
}

// refusesBearer demands that a forgery opens no resource.
func (s *testServer) refusesBearer(t *testing.T, f keystest.Forgery) {
	t.Helper()
	if !f.InHeader() {
		return
	}
	for _, path := range []string{"/users/me", "/protected", "/verify"} {
		if status, body := s.get(s.URL+path, f.Token); status != http.StatusUnauthorized && status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: got %d %s, want 401", path, status, body)
		}
	}
}
