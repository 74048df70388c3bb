package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/handlers"
)

const (
	origin    = "Origin: https://app.example.com"
	preflight = "Access-Control-Request-Method: "
)

func allowing(origins ...string) func(*settings) {
	return func(c *settings) { c.CORSOrigins = origins }
}

func TestPreflightsOfAllowedOriginsAreAnswered(t *testing.T) {
	t.Parallel()
	s := newServer(t, allowing("https://app.example.com", "http://localhost:3000"))
	for _, tt := range []struct {
		name    string
		headers []string
		allow   string // Access-Control-Allow-Origin
	}{
		{"a login", []string{origin, preflight + "POST", "Access-Control-Request-Headers: authorization,content-type,x-requested-with"}, "https://app.example.com"},
		{"a login, asked by hand", []string{origin, preflight + "POST", "Access-Control-Request-Headers: X-Requested-With, Content-Type, Authorization"}, "https://app.example.com"},
		{"a password change", []string{origin, preflight + "PUT", "Access-Control-Request-Headers: authorization"}, "https://app.example.com"},
		{"no headers", []string{"Origin: http://localhost:3000", preflight + "GET"}, "http://localhost:3000"},
		{"another origin", []string{"Origin: https://evil.example.com", preflight + "POST"}, ""},
		{"the origin without its port", []string{"Origin: http://localhost", preflight + "POST"}, ""},
		{"a change of administration", []string{origin, preflight + "PATCH", "Access-Control-Request-Headers: authorization,content-type"}, "https://app.example.com"},
		{"another method", []string{origin, preflight + "TRACE"}, ""},
		{"another header", []string{origin, preflight + "POST", "Access-Control-Request-Headers: x-other"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := s.ask("OPTIONS", "/token", "", tt.headers...)
			if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Errorf("got %d %q, want 204 and nothing", w.Code, w.Body)
			}
			wantHeader(t, w, "Access-Control-Allow-Origin", tt.allow)
			wantHeader(t, w, "Access-Control-Allow-Credentials", "")
			if tt.allow != "" {
				wantHeader(t, w, "Access-Control-Max-Age", "7200")
			}
			if !strings.Contains(w.Header().Get("Vary"), "Origin") {
				t.Errorf("Vary: got %q, want Origin in it", w.Header().Get("Vary"))
			}
			if w.Header().Get("X-Request-Id") == "" {
				t.Error("X-Request-Id: got none")
			}
			if got := s.log.last(t, "request")["route"]; got != "preflight" {
				t.Errorf("route in the log: got %v, want preflight", got)
			}
		})
	}
}

// Without them a page sees "Failed to fetch" instead of the error.
func TestErrorsHaveCORSHeadersToo(t *testing.T) {
	t.Parallel()
	s := newServer(t, allowing("https://app.example.com"), func(c *settings) { c.Ready = panicking })
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/healthz", http.StatusOK},
		{"POST", "/token", http.StatusBadRequest},
		{"POST", "/introspect", http.StatusBadRequest},
		{"GET", "/users/me", http.StatusUnauthorized},
		{"GET", "/nothing", http.StatusNotFound},
		{"GET", "/token", http.StatusMethodNotAllowed},
		{"GET", "/readyz", http.StatusInternalServerError},
	} {
		w := s.ask(tt.method, tt.path, "", origin)
		if w.Code != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
		wantHeader(t, w, "Access-Control-Allow-Origin", "https://app.example.com")
		wantHeader(t, w, "Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id")
		wantHeader(t, w, "Access-Control-Allow-Credentials", "")
	}
}

// A shared cache may keep the assets, and must not give one origin's to another.
func TestAssetsVaryByOriginToo(t *testing.T) {
	t.Parallel()
	s := newServer(t, allowing("https://app.example.com"))
	wantHeader(t, s.ask("GET", "/docs/swagger-ui.css", "", origin), "Vary", "Origin | Accept-Encoding")
}

func TestAStarAllowsEveryOrigin(t *testing.T) {
	t.Parallel()
	s := newServer(t, allowing("*"))
	wantHeader(t, s.ask("GET", "/healthz", "", origin), "Access-Control-Allow-Origin", "*")
	wantHeader(t, s.ask("OPTIONS", "/token", "", origin, preflight+"POST"), "Access-Control-Allow-Origin", "*")
}

func TestCORSIsOffWithoutOrigins(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	wantHeader(t, s.ask("GET", "/healthz", "", origin), "Access-Control-Allow-Origin", "")
	w := s.ask("OPTIONS", "/token", "", origin, preflight+"POST")
	wantProblem(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
	wantHeader(t, w, "Access-Control-Allow-Origin", "")
}

func TestTheAdminAddressHasNoCORS(t *testing.T) {
	t.Parallel()
	s := newServer(t, allowing("*"))
	wantHeader(t, ask(t, s.admin, "GET", "/metrics", "", origin), "Access-Control-Allow-Origin", "")
}

func TestWhatCantBeAnOriginIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"app.example.com", "https://app.example.com/", "https://app.example.com/path", "https://", "", "https://u@app.example.com", "https://*.example.com", "**"} {
		c := handlers.Config{Issuer: issuer, CORSOrigins: []string{"https://good.example.com", bad}}
		if _, err := handlers.New(c); err == nil || !strings.Contains(err.Error(), "CORS origin") {
			t.Errorf("origin %q: got %v, want an error about it", bad, err)
		}
	}
}
