package handlers_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/admin"
)

const challenge = `Bearer realm="usher", resource_metadata="` + issuer + `/.well-known/oauth-protected-resource"`

func TestMeTellsTheUserOfTheToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.ask("GET", "/users/me", "", bearer(s.login("ann").Access))
	got := decode[map[string]any](t, w)
	if id, ok := got["id"].(string); !ok || id == "" {
		t.Errorf("id: got %v, want one", got["id"])
	}
	delete(got, "id")
	want := map[string]any{
		"username": "ann", "email": "ann@example.com", "full_name": "ANN",
		"disabled": false, "scopes": []any{"profile", "read"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Cache-Control", "no-store")
}

func TestResourcesRefuseWhatIsNotAGoodToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ann, bob, job := s.login("ann").Access, s.login("bob").Access, s.machineToken()
	for _, tt := range []struct {
		name      string
		route     string
		headers   []string
		status    int
		code      string
		challenge string // after the one of a request without a token
	}{
		{"a forged token", "GET /users/me", []string{bearer("nope")}, 401, "invalid_token", `error="invalid_token"`},
		{"a changed token", "GET /users/me", []string{bearer(ann[:len(ann)-4] + "AAAA")}, 401, "invalid_token", `error="invalid_token"`},
		{"a token without the scope", "GET /users/me", []string{bearer(bob)}, 403, "insufficient_scope", `scope="profile"`},
		{"a password change without the scope", "PUT /users/me/password", []string{bearer(bob)}, 403, "insufficient_scope", `scope="profile"`},
		{"a client's token at /users/me", "GET /users/me", []string{bearer(job)}, 403, "access_denied", ""},
		{"a client's token at /users/me/password", "PUT /users/me/password", []string{bearer(job)}, 403, "access_denied", ""},
		{"a forged token at /protected", "GET /protected", []string{bearer("nope")}, 401, "invalid_token", `error="invalid_token"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(tt.route, " ")
			w := s.ask(method, path, encode("current_password", password, "new_password", "brandnew horse"), append(tt.headers, form)...)
			wantProblem(t, w, tt.status, tt.code)
			if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="usher"`) || !strings.Contains(got, tt.challenge) {
				t.Errorf("WWW-Authenticate: got %q, want a Bearer challenge with %q", got, tt.challenge)
			}
		})
	}
}

// RFC 6750, section 3.1: no code where there were no credentials.
func TestARequestWithoutATokenIsOnlyChallenged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login("ann").Access
	for _, target := range []string{"/users/me", "/protected", "/users/me?access_token=" + token} {
		w := s.ask("GET", target, "")
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", target, w.Code)
		}
		wantHeader(t, w, "WWW-Authenticate", challenge)
		wantHeader(t, w, "Content-Type", "application/json")
	}
}

// The database's clock says how old a token is, not this machine's.
func TestResourcesGoByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		var passed atomic.Int64 // nanoseconds
		s := newServer(t, func(c *settings) {
			c.now = func() time.Time { return time.Now().Add(off + time.Duration(passed.Load())) }
		})
		token := s.login("ann").Access
		for _, tt := range []struct {
			passed time.Duration
			want   int
		}{{0, http.StatusOK}, {29 * time.Minute, http.StatusOK}, {30 * time.Minute, http.StatusUnauthorized}} {
			passed.Store(int64(tt.passed))
			for _, target := range []string{"/users/me", "/protected"} {
				if w := s.ask("GET", target, "", bearer(token)); w.Code != tt.want {
					t.Errorf("a clock off by %v, %s after %v: got %d %s, want %d", off, target, tt.passed, w.Code, w.Body, tt.want)
				}
			}
		}
	}
}

func TestProtectedGreetsUsersAndClients(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, token := range map[string]string{
		"a user":                   s.login("ann").Access,
		"a user without a profile": s.login("bob").Access,
		"a client":                 s.machineToken(),
	} {
		const want = `{"message":"Hello, authenticated user!"}`
		if w := s.ask("GET", "/protected", "", bearer(token)); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: got %d %s, want 200 %s", name, w.Code, w.Body, want)
		}
	}
}

func TestATokenForAnotherAudienceIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addClient(admin.NewClient{ID: "other", Public: true, Grants: []string{"password"}, Scopes: []string{"profile"}, Audiences: []string{"https://other.example.com"}})
	w := s.post("/token", "grant_type", "password", "client_id", "other", "username", "ann", "password", password, "audience", "https://other.example.com")
	token := bearer(decode[tokens](t, w).Access)
	for _, path := range []string{"/users/me", "/protected"} {
		wantProblem(t, s.ask("GET", path, "", token), http.StatusUnauthorized, "invalid_token")
	}
}

func TestATokenOfARemovedUserIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := bearer(s.login("ann").Access)
	check(t, s.users.Remove(t.Context(), "ann"))
	wantProblem(t, s.ask("GET", "/users/me", "", token), http.StatusUnauthorized, "invalid_token")
}

func TestAPasswordIsChangedByFormOrJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, contentType, body string }{
		{"form", "application/x-www-form-urlencoded", encode("current_password", password, "new_password", "häßlich & neu")},
		{"JSON", "application/json; charset=utf-8", `{"current_password":"correct horse","new_password":"häßlich & neu"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			own, other := s.login("ann").Access, s.login("ann").Access
			w := s.ask("PUT", "/users/me/password", tt.body, "Content-Type: "+tt.contentType, bearer(own))
			if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Fatalf("got %d %s, want 204 and nothing", w.Code, w.Body)
			}
			wantHeader(t, w, "Cache-Control", "no-store")

			if w := s.ask("GET", "/users/me", "", bearer(own)); w.Code != http.StatusOK {
				t.Errorf("the session that called: got %d, want 200", w.Code)
			}
			wantProblem(t, s.ask("GET", "/users/me", "", bearer(other)), http.StatusUnauthorized, "invalid_token")
			wantProblem(t, s.post("/token", "grant_type", "password", "username", "ann", "password", password), http.StatusBadRequest, "invalid_grant")
			if w := s.post("/token", "grant_type", "password", "username", "ann", "password", "häßlich & neu"); w.Code != http.StatusOK {
				t.Errorf("login with the new password: got %d %s, want 200", w.Code, w.Body)
			}
		})
	}
}

func TestAPasswordChangeThatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := bearer(s.login("ann").Access)
	const json, urlencoded = "application/json", "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		code                    string
	}{
		{"a wrong current password", urlencoded, encode("current_password", "wrong", "new_password", "brandnew horse"), 403, "access_denied"},
		{"a short new password", urlencoded, encode("current_password", password, "new_password", "short"), 400, "invalid_request"},
		{"no new password", urlencoded, encode("current_password", password), 400, "invalid_request"},
		{"an empty current password", urlencoded, encode("current_password", "", "new_password", "brandnew horse"), 400, "invalid_request"},
		{"a repeated parameter", urlencoded, encode("current_password", password, "new_password", "brandnew horse", "new_password", "other password"), 400, "invalid_request"},
		{"a broken form", urlencoded, "current_password=%zz", 400, "invalid_request"},
		{"nothing", urlencoded, "", 400, "invalid_request"},
		{"broken JSON", json, `{"current_password":`, 400, "invalid_request"},
		{"two JSON documents", json, `{"current_password":"correct horse","new_password":"brandnew horse"}{}`, 400, "invalid_request"},
		{"JSON of another type", json, `{"current_password":"correct horse","new_password":12345678}`, 400, "invalid_request"},
		{"null", json, `null`, 400, "invalid_request"},
		{"JSON that is not UTF-8", json, "{\"current_password\":\"correct horse\",\"new_password\":\"brandnew horse\xff\"}", 400, "invalid_request"},
		{"JSON with a repeated name", json, `{"current_password":"correct horse","new_password":"brandnew horse","new_password":"other password"}`, 400, "invalid_request"},
		{"JSON with half a surrogate pair", json, `{"current_password":"correct horse","new_password":"brandnew horse\ud800"}`, 400, "invalid_request"},
		{"plain text", "text/plain", "current_password", 415, "invalid_request"},
		{"a content type that is none", "json", "{}", 415, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := s.ask("PUT", "/users/me/password", tt.body, "Content-Type: "+tt.contentType, token)
			wantProblem(t, w, tt.status, tt.code)
			if strings.Contains(w.Body.String(), "correct horse") || strings.Contains(w.Body.String(), "brandnew horse") {
				t.Errorf("body: got %s, want no password in it", w.Body)
			}
		})
	}
}

func TestAPasswordChangeWithoutAContentTypeIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.ask("PUT", "/users/me/password", "x", bearer(s.login("ann").Access))
	wantProblem(t, w, http.StatusUnsupportedMediaType, "invalid_request")
}
