package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/handlers"
)

func TestServerMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.ask("GET", "/.well-known/oauth-authorization-server", "")
	golden(t, "metadata", w.Body.Bytes())
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Cache-Control", "public, max-age=3600")
	wantHeader(t, w, "Pragma", "")

	openid := s.ask("GET", "/.well-known/openid-configuration", "")
	if got, want := openid.Body.String(), w.Body.String(); got != want {
		t.Errorf("openid-configuration: got %s, want the same %s", got, want)
	}
}

func TestResourceMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.DefaultAudience = "https://api.example.com/v1" })
	w := s.ask("GET", "/.well-known/oauth-protected-resource", "")
	golden(t, "resource_metadata", w.Body.Bytes())
	wantHeader(t, w, "Cache-Control", "public, max-age=3600")

	inserted := s.ask("GET", "/.well-known/oauth-protected-resource/v1", "")
	if got, want := inserted.Body.String(), w.Body.String(); got != want {
		t.Errorf("path-inserted form: got %s, want the same %s", got, want)
	}
}

func TestResourceIsTheDefaultAudienceWhereThatIsAURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ audience, want string }{
		{"", issuer},
		{"https://api.example.com", "https://api.example.com"},
		{"http://127.0.0.1:9000/api", "http://127.0.0.1:9000/api"},
		{"my-api", issuer},
		{"urn:example:api", issuer},
	} {
		t.Run(tt.audience, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(c *settings) { c.DefaultAudience = tt.audience })
			got := decode[struct{ Resource string }](t, s.ask("GET", "/.well-known/oauth-protected-resource", ""))
			if got.Resource != tt.want {
				t.Errorf("got %q, want %q", got.Resource, tt.want)
			}
		})
	}
}

// RFC 8414, section 3.1: the well-known path goes between host and path.
func TestAnIssuerWithAPathIsFoundEitherWay(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.Issuer = issuer + "/tenant/one" })
	for _, path := range []string{
		"/.well-known/oauth-authorization-server",
		"/.well-known/oauth-authorization-server/tenant/one",
		"/.well-known/openid-configuration",
		"/.well-known/openid-configuration/tenant/one",
	} {
		got := decode[map[string]any](t, s.ask("GET", path, ""))
		for name, want := range map[string]string{
			"issuer":         issuer + "/tenant/one",
			"token_endpoint": issuer + "/tenant/one/token",
			"jwks_uri":       issuer + "/tenant/one/.well-known/jwks.json",
		} {
			if got[name] != want {
				t.Errorf("%s: %s: got %v, want %s", path, name, got[name], want)
			}
		}
	}
	got := decode[struct{ Resource string }](t, s.ask("GET", "/.well-known/oauth-protected-resource/tenant/one", ""))
	if got.Resource != issuer+"/tenant/one" {
		t.Errorf("resource: got %q, want the issuer", got.Resource)
	}
	wantProblem(t, s.ask("GET", "/.well-known/oauth-authorization-server/tenant", ""), http.StatusNotFound, "not_found")

	const challenge = `Bearer realm="usher", resource_metadata="` + issuer + `/tenant/one/.well-known/oauth-protected-resource"`
	wantHeader(t, s.ask("GET", "/users/me", ""), "WWW-Authenticate", challenge)
}

func TestAnIssuerMustBeAURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"auth.example.com", "ftp://auth.example.com", "https://", "https://auth.example.com?x=1", "https://auth.example.com#x", "https://u:p@auth.example.com", "https://auth example com"} {
		if _, err := handlers.New(handlers.Config{Issuer: bad}); err == nil || !strings.Contains(err.Error(), "issuer") {
			t.Errorf("issuer %q: got %v, want an error about the issuer", bad, err)
		}
	}
}

func TestKeySet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.ask("GET", "/.well-known/jwks.json", "")
	set := decode[struct {
		Keys []map[string]any `json:"keys"`
	}](t, w)
	for _, key := range set.Keys {
		for _, secretOfTheRun := range []string{"kid", "x", "y"} {
			if v, ok := key[secretOfTheRun].(string); ok && v != "" {
				key[secretOfTheRun] = "…"
			}
		}
	}
	masked, err := json.Marshal(set)
	check(t, err)
	golden(t, "jwks", masked)
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Cache-Control", "public, max-age=300")
	wantHeader(t, w, "Pragma", "")
}

// RFC 9110, section 13.1.2.
func TestDocumentsAreSentOnlyWhenTheyChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"} {
		first := s.ask("GET", path, "")
		etag := first.Header().Get("ETag")
		if len(etag) < 10 || etag[0] != '"' || etag[len(etag)-1] != '"' {
			t.Fatalf("%s: ETag: got %q, want a strong one", path, etag)
		}
		for _, tt := range []struct {
			name, method, header string
			status               int
		}{
			{"the same", "GET", "If-None-Match: " + etag, http.StatusNotModified},
			{"the same, weakly", "GET", "If-None-Match: W/" + etag, http.StatusNotModified},
			{"one of a list", "GET", `If-None-Match: "a", W/"b", ` + etag, http.StatusNotModified},
			{"any", "GET", "If-None-Match: *", http.StatusNotModified},
			{"the same, by HEAD", "HEAD", "If-None-Match: " + etag, http.StatusNotModified},
			{"another", "GET", `If-None-Match: "other"`, http.StatusOK},
			{"a part of it", "GET", "If-None-Match: " + etag[:8] + `"`, http.StatusOK},
			{"nothing", "GET", "If-None-Match: ", http.StatusOK},
			{"not an ETag", "GET", "If-None-Match: other", http.StatusOK},
			{"a range, which is not offered", "GET", "Range: bytes=1-2", http.StatusOK},
		} {
			w := s.ask(tt.method, path, "", tt.header)
			if w.Code != tt.status {
				t.Errorf("%s: %s: got %d, want %d", path, tt.name, w.Code, tt.status)
			}
			if tt.status == http.StatusNotModified && w.Body.Len() > 0 {
				t.Errorf("%s: %s: got body %q, want none", path, tt.name, w.Body)
			}
			if tt.status == http.StatusOK && w.Body.String() != first.Body.String() {
				t.Errorf("%s: %s: got body %q, want the whole document", path, tt.name, w.Body)
			}
			wantHeader(t, w, "ETag", etag)
			wantHeader(t, w, "Cache-Control", first.Header().Get("Cache-Control"))
		}
	}
}
