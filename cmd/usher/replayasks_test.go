package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// CVE-2026-37979 and CVE-2026-18208 (Keycloak), GHSA-vxv2-8j6r-pcpg (Gitea): a client
// learned of the tokens of another by introspection.
func TestReplayIntrospectionTellsNobodyOfTheTokensOfOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	secret := s.introspector()
	curious := s.confidential("curious")
	login := s.login("web", "ann", annsPassword)
	own := s.ownToken("curious", curious)

	for what, token := range map[string]string{"access token": login.AccessToken, "refresh token": login.RefreshToken} {
		t.Run("CVE-2026-37979 another confidential client, "+what, func(t *testing.T) {
			for _, hint := range []string{"", "access_token", "refresh_token", "id_token"} {
				status, body := s.post("/introspect", "curious", curious, url.Values{"token": {token}, "token_type_hint": {hint}})
				if status != http.StatusOK || strings.TrimSpace(body) != `{"active":false}` {
					t.Errorf("hint %q: got %d %s, want inactive and nothing else", hint, status, body)
				}
			}
		})
		t.Run("CVE-2026-18208 the signed form, "+what, func(t *testing.T) {
			var claims struct {
				Told json.RawMessage `json:"token_introspection"`
			}
			decode(t, string(payload(t, s.signedIntrospection("curious", curious, token))), &claims)
			if string(claims.Told) != `{"active":false}` {
				t.Errorf("got %s, want inactive and nothing else", claims.Told)
			}
		})
		for name, tt := range map[string]struct {
			client, secret string
			form           url.Values
			status         int
		}{
			"nobody":                            {"", "", url.Values{}, 401},
			"a public client":                   {"", "", url.Values{"client_id": {"web"}}, 401},
			"the id of another in the body":     {"curious", curious, url.Values{"client_id": {"rs"}}, 400},
			"the secret of another in the body": {"curious", curious, url.Values{"client_id": {"rs"}, "client_secret": {secret}}, 400},
			"a secret of another":               {"rs", curious, url.Values{}, 401},
			"the id of another in the query":    {"curious", curious, url.Values{"?": {"client_id=rs"}}, 400},
		} {
			t.Run("GHSA-vxv2-8j6r-pcpg "+name+", "+what, func(t *testing.T) {
				path := "/introspect"
				if query := tt.form.Get("?"); query != "" {
					path += "?" + query
				}
				form := url.Values{"token": {token}, "client_id": tt.form["client_id"], "client_secret": tt.form["client_secret"]}
				if status, body := s.post(path, tt.client, tt.secret, form); status != tt.status || strings.Contains(body, "active") {
					t.Errorf("got %d %s, want %d and nothing of the token", status, body, tt.status)
				}
			})
		}
	}
	for client, token := range map[string]string{"rs": login.AccessToken, "curious": own} {
		status, body := s.post("/introspect", client, map[string]string{"rs": secret, "curious": curious}[client], url.Values{"token": {token}})
		if status != http.StatusOK || !strings.Contains(body, `"active":true`) {
			t.Errorf("who may ask: got %d %s, want active, or this test proves nothing", status, body)
		}
	}
}

// Another client's token is not ended either (RFC 7009, section 2.1).
func TestReplayNobodyEndsTheTokensOfOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	curious := s.confidential("curious")
	login := s.login("web", "ann", annsPassword)
	for _, token := range []string{login.AccessToken, login.RefreshToken} {
		for _, hint := range []string{"", "access_token", "refresh_token"} {
			form := url.Values{"token": {token}, "token_type_hint": {hint}}
			if status, body := s.post("/revoke", "curious", curious, form); status != http.StatusOK {
				t.Errorf("got %d %s, want 200 as for a token that is not there", status, body)
			}
		}
	}
	s.wants(http.StatusOK, login.AccessToken, "revoked by another client")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.RefreshToken}}
	if status, body := s.post("/token", "", "", form); status != http.StatusOK {
		t.Errorf("refresh: got %d %s, want 200", status, body)
	}
}

// confidential adds a confidential client and returns its secret.
func (s *testServer) confidential(id string) string {
	s.t.Helper()
	var c struct {
		Secret string `json:"client_secret"`
	}
	decode(s.t, s.usher("client", "add", id, "--grants", "client_credentials", "--json"), &c)
	return c.Secret
}

func (s *testServer) ownToken(client, secret string) string {
	s.t.Helper()
	status, body := s.post("/token", client, secret, url.Values{"grant_type": {"client_credentials"}})
	if status != http.StatusOK {
		s.t.Fatalf("client credentials: got %d %s", status, body)
	}
	var answer tokens
	decode(s.t, body, &answer)
	return answer.AccessToken
}
