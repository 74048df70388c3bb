package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/admin"
)

func TestVerifyTellsAProxyWhoIsAsking(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addUser("zoë", "profile")
	ann, err := s.store.UserByName(t.Context(), "ann")
	check(t, err)
	for _, tt := range []struct {
		name, token string
		want        map[string]string
	}{
		{"a user", s.login("ann").Access, map[string]string{"X-Auth-Subject": ann.ID, "X-Auth-Username": "ann", "X-Auth-Client": "web", "X-Auth-Scope": "profile read"}},
		{"a client", s.machineToken(), map[string]string{"X-Auth-Subject": "job", "X-Auth-Username": "", "X-Auth-Client": "job", "X-Auth-Scope": "profile"}},
		{"a name beyond ASCII", s.login("zoë").Access, map[string]string{"X-Auth-Username": "zoë"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				w := s.ask(method, "/verify", "", bearer(tt.token))
				if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
					t.Errorf("%s: got %d %q, want 204 and no body", method, w.Code, w.Body)
				}
				for name, value := range tt.want {
					wantHeader(t, w, name, value)
				}
				wantHeader(t, w, "Cache-Control", "no-store")
			}
		})
	}
}

func TestVerifyDemandsWhatTheProxyDemands(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const orders = "https://orders.example.com"
	s.addClient(admin.NewClient{ID: "shop", Public: true, Grants: []string{"password"}, Scopes: []string{"profile", "read"}, Audiences: []string{orders}})
	ann, bob := s.login("ann"), s.login("bob")
	w := s.post("/token", "grant_type", "password", "client_id", "shop", "username", "ann", "password", password, "audience", orders)
	order := decode[tokens](t, w).Access
	revoked := s.login("ann").Access
	if w := s.post("/revoke", "client_id", "web", "token", revoked); w.Code != http.StatusOK {
		t.Fatalf("revoking: got %d %s", w.Code, w.Body)
	}
	for _, tt := range []struct {
		name, target, token string
		status              int
		code                string
	}{
		{"one scope", "/verify?scope=read", bob.Access, 204, ""},
		{"two scopes", "/verify?scope=read+profile", ann.Access, 204, ""},
		{"two scopes, one of them missing", "/verify?scope=read%20profile", bob.Access, 403, "insufficient_scope"},
		{"an empty scope", "/verify?scope=", bob.Access, 204, ""},
		{"another audience", "/verify?audience=" + orders, order, 204, ""},
		{"another audience and a scope", "/verify?scope=read&audience=" + orders, order, 204, ""},
		{"a token for another audience", "/verify", order, 401, "invalid_token"},
		{"a token for the default audience where another is demanded", "/verify?audience=" + orders, ann.Access, 401, "invalid_token"},
		{"the default audience by name", "/verify?audience=" + issuer, ann.Access, 204, ""},
		{"an empty audience", "/verify?audience=", ann.Access, 204, ""},
		{"a revoked token", "/verify", revoked, 401, "invalid_token"},
		{"a refresh token", "/verify", ann.Refresh, 401, "invalid_token"},
		{"no token", "/verify", "", 401, "missing_token"},
		{"a token in the query", "/verify?access_token=" + ann.Access, "", 401, "missing_token"},
		{"two scope parameters", "/verify?scope=read&scope=profile", ann.Access, 400, "invalid_request"},
		{"two audiences", "/verify?audience=a&audience=b", ann.Access, 400, "invalid_request"},
		{"a malformed scope", "/verify?scope=%22", ann.Access, 400, "invalid_request"},
		{"a misspelt demand", "/verify?scopes=admin", ann.Access, 400, "invalid_request"},
		{"a malformed query", "/verify?scope=%zz", ann.Access, 400, "invalid_request"},
		{"a semicolon", "/verify?scope=read;audience=x", ann.Access, 400, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tt.token != "" {
				headers = append(headers, bearer(tt.token))
			}
			w := s.ask("GET", tt.target, "", headers...)
			if tt.status == http.StatusNoContent {
				if w.Code != tt.status {
					t.Errorf("got %d %s, want 204", w.Code, w.Body)
				}
				return
			}
			wantProblem(t, w, tt.status, tt.code)
			for name := range w.Header() {
				if strings.HasPrefix(name, "X-Auth-") {
					t.Errorf("a refusal has the header %s", name)
				}
			}
			if tt.status != http.StatusBadRequest && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("WWW-Authenticate: got %q, want a Bearer challenge", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}
