package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestEveryRouteTellsItsMethods(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	allow := map[string]string{
		"/token":                 "POST",
		"/introspect":            "POST",
		"/revoke":                "POST",
		"/.well-known/jwks.json": "GET, HEAD",
		"/.well-known/oauth-authorization-server": "GET, HEAD",
		"/.well-known/openid-configuration":       "GET, HEAD",
		"/.well-known/oauth-protected-resource":   "GET, HEAD",
		"/users/me":                               "GET, HEAD",
		"/users/me/password":                      "PUT",
		"/protected":                              "GET, HEAD",
		"/healthz":                                "GET, HEAD",
		"/readyz":                                 "GET, HEAD",
	}
	for path, want := range allow {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			w := s.ask(method, path, "")
			if allowed := strings.Split(want, ", "); slices.Contains(allowed, method) {
				if w.Code == http.StatusMethodNotAllowed || w.Code == http.StatusNotFound {
					t.Errorf("%s %s: got %d, want an answer", method, path, w.Code)
				}
				continue
			}
			wantProblem(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
			wantHeader(t, w, "Allow", want)
		}
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{
		"/", "//token", "/token/", "/Token", "/./token", "/x/../token", "/tokens", "/users", "/users/me/", "/users/ann",
		"/.well-known/", "/.well-known/oauth-authorization-server/tenant", "/metrics", "/debug/pprof/", "/debug/pprof/heap",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "POST", "DELETE"} {
				w := s.ask(method, "http://auth.example.com"+path, "")
				wantProblem(t, w, http.StatusNotFound, "not_found")
			}
		})
	}
}

// The forms of a request that have no path (RFC 9112, sections 3.2.3 and 3.2.4).
func TestRequestsWithoutAPathAreNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct{ method, path string }{{"OPTIONS", "*"}, {"CONNECT", ""}} {
		r := newRequest(t, tt.method, "/", "")
		r.URL.Path = tt.path
		w := serve(s.public, r)
		wantProblem(t, w, http.StatusNotFound, "not_found")
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	golden(t, "error_not_found", s.ask("GET", "/nothing", "").Body.Bytes())
	golden(t, "error_method", s.ask("GET", "/token", "").Body.Bytes())
	golden(t, "error_body_too_large", s.ask("POST", "/token", strings.Repeat("a", 64<<10+1), form).Body.Bytes())
	golden(t, "error_password_type", s.ask("PUT", "/users/me/password", "x", "Content-Type: text/plain", bearer(s.login("ann").Access)).Body.Bytes())
	golden(t, "error_client_token", s.ask("GET", "/users/me", "", bearer(s.machineToken())).Body.Bytes())
	check(t, s.store.Close())
	golden(t, "error_server", s.post("/token", "grant_type", "password", "username", "ann", "password", password).Body.Bytes())
}
