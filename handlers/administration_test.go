package handlers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/admin"
)

const asJSON = "Content-Type: application/json"

// administered is a server that also knows the client ops, which may administer by
// itself, the client desk, where users may, and the user root, who may.
type administered struct {
	*testServer
	token string // of ops
}

func newAdministered(t testing.TB, change ...func(*settings)) *administered {
	t.Helper()
	s := &administered{testServer: newServer(t, change...)}
	s.addUser("root", "profile", "usher:admin")
	s.addClient(admin.NewClient{ID: "ops", Grants: []string{"client_credentials"}, Scopes: []string{"usher:admin", "profile"}, Audiences: []string{issuer}})
	s.addClient(admin.NewClient{ID: "desk", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile", "usher:admin"}, Audiences: []string{issuer}})
	s.token = decode[tokens](t, s.postAs("ops", "/token", "grant_type", "client_credentials", "scope", "usher:admin", "resource", issuer)).Access
	return s
}

// do asks as an administrator.
func (s *administered) do(method, path, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.ask(method, path, body, bearer(s.token), asJSON)
}

// rootLogin logs in the user who may administer.
func (s *administered) rootLogin(scope string) tokens {
	s.t.Helper()
	return decode[tokens](s.t, s.post("/token", "grant_type", "password", "username", "root", "password", password, "client_id", "desk", "scope", scope, "resource", issuer))
}

// wantRefusal demands an error of package admin, in its own words.
func wantRefusal(t testing.TB, w *httptest.ResponseRecorder, status int, code, text string) {
	t.Helper()
	var body struct {
		Code string `json:"error"`
		Text string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body: got %q: %v", w.Body, err)
	}
	if w.Code != status || body.Code != code || !strings.Contains(body.Text, text) {
		t.Errorf("got %d %s, want %d %s with %q", w.Code, w.Body, status, code, text)
	}
}

func want(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("got %d %s, want %d", w.Code, w.Body, status)
	}
}

// Each route, asked by those who may not: nothing is told and nothing is done.
func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	plain := s.login("ann").Access
	before := s.do("GET", "/admin/users", "").Body.String()
	for _, route := range s.config.Administration {
		path := strings.NewReplacer("{username}", "ann", "{client_id}", "web", "{kid}", "x", "{session}", "x").Replace(route.Path)
		w := s.ask(route.Method, path, "{}", asJSON)
		wantProblem(t, w, http.StatusUnauthorized, "missing_token")
		wantHeader(t, w, "WWW-Authenticate", `Bearer realm="usher", resource_metadata="https://auth.example.com/.well-known/oauth-protected-resource"`)
		wantProblem(t, s.ask(route.Method, path, "{}", asJSON, bearer("nonsense")), http.StatusUnauthorized, "invalid_token")
		w = s.ask(route.Method, path, "{}", asJSON, bearer(plain))
		wantProblem(t, w, http.StatusForbidden, "insufficient_scope")
		if got := w.Header().Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) || !strings.Contains(got, `scope="usher:admin"`) {
			t.Errorf("WWW-Authenticate: got %q, want the scope", got)
		}
	}
	if after := s.do("GET", "/admin/users", "").Body.String(); after != before {
		t.Errorf("users: got %s, want as before", after)
	}
	wantProblem(t, s.ask("GET", "/admin/users?access_token="+s.token, ""), http.StatusUnauthorized, "missing_token")
	wantProblem(t, ask(t, s.admin, "GET", "/admin/users", "", bearer(s.token)), http.StatusNotFound, "not_found")
}

// The token must be meant for the issuer, whatever the default audience is.
func TestAdministrationWantsATokenForTheIssuer(t *testing.T) {
	t.Parallel()
	s := newAdministered(t, func(c *settings) { c.DefaultAudience = "https://api.example.com" })
	elsewhere := decode[tokens](t, s.postAs("ops", "/token", "grant_type", "client_credentials", "scope", "usher:admin")).Access
	w := s.ask("GET", "/admin/users", "", bearer(elsewhere))
	wantProblem(t, w, http.StatusUnauthorized, "invalid_token")
	if got := w.Header().Get("WWW-Authenticate"); strings.Contains(got, "resource_metadata") {
		t.Errorf("WWW-Authenticate: got %q, but that metadata is about another audience", got)
	}
	want(t, s.do("GET", "/admin/users", ""), http.StatusOK)
}

func TestWhatIsTakenFromAnAdministratorIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		take   func(s *administered, root tokens)
		status int
		code   string
	}{
		{"the token", func(s *administered, root tokens) {
			want(t, s.post("/revoke", "token", root.Access, "client_id", "desk"), 200)
		}, 401, "invalid_token"},
		{"the session", func(s *administered, root tokens) {
			want(t, s.post("/revoke", "token", root.Refresh, "client_id", "desk"), 200)
		}, 401, "invalid_token"},
		{"the user", func(s *administered, _ tokens) {
			want(t, s.do("PATCH", "/admin/users/root", `{"disabled":true}`), 200)
		}, 401, "invalid_token"},
		{"the client", func(s *administered, _ tokens) { want(t, s.do("DELETE", "/admin/clients/desk", ""), 204) }, 401, "invalid_token"},
		{"the user's scope", func(s *administered, _ tokens) {
			want(t, s.do("PATCH", "/admin/users/root", `{"scopes":["profile"]}`), 200)
		}, 403, "insufficient_scope"},
		{"the client's scope", func(s *administered, _ tokens) {
			want(t, s.do("PATCH", "/admin/clients/desk", `{"scopes":["profile"]}`), 200)
		}, 403, "insufficient_scope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAdministered(t)
			root := s.rootLogin("profile usher:admin")
			want(t, s.ask("GET", "/admin/users", "", bearer(root.Access)), http.StatusOK)
			tt.take(s, root)
			w := s.ask("GET", "/admin/users", "", bearer(root.Access))
			wantProblem(t, w, tt.status, tt.code)
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Error("WWW-Authenticate: got none")
			}
		})
	}
}

// The scope is granted as any other: to whom client and user may both have it.
func TestTheScopeOfAdministratorsIsSharedByClientAndUser(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	login := func(user, client string) *httptest.ResponseRecorder {
		return s.post("/token", "grant_type", "password", "username", user, "password", password, "client_id", client, "scope", "usher:admin")
	}
	if got := decode[tokens](t, login("root", "desk")).Scope; got != "usher:admin" {
		t.Errorf("got the scope %q, want usher:admin", got)
	}
	wantProblem(t, login("ann", "desk"), 400, "invalid_scope")
	wantProblem(t, login("root", "web"), 400, "invalid_scope")
	narrow := s.rootLogin("profile") // a refresh may not add it either
	wantProblem(t, s.post("/token", "grant_type", "refresh_token", "refresh_token", narrow.Refresh, "client_id", "desk", "scope", "usher:admin"), 400, "invalid_scope")
}

// Whoever loses the token while a body trickles in does not get the change through.
func TestTheTokenIsCheckedOnceTheBodyIsThere(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	body, send := io.Pipe()
	answered := make(chan *httptest.ResponseRecorder)
	go func() {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/admin/users", body)
		r.Header.Set("Authorization", "Bearer "+s.token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.public.ServeHTTP(w, r)
		answered <- w
	}()
	_, err := io.WriteString(send, `{"username":"eve","password":"a fine password"`) // returns once it is read
	check(t, err)
	want(t, s.do("POST", "/admin/revocations", `{"token":"`+s.token+`"}`), http.StatusNoContent)
	_, err = io.WriteString(send, "}")
	check(t, err)
	check(t, send.Close())
	wantProblem(t, <-answered, http.StatusUnauthorized, "invalid_token")
}

// No database is asked for what can't be a name, an id or a token.
func TestStrangeNamesAreNobodys(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	for _, name := range []string{"%00", "%FF"} {
		wantRefusal(t, s.do("GET", "/admin/clients/"+name, ""), 404, "does_not_exist", "no client")
		wantRefusal(t, s.do("DELETE", "/admin/clients/"+name, ""), 404, "does_not_exist", "no client")
		wantRefusal(t, s.do("PATCH", "/admin/clients/"+name, "{}"), 404, "does_not_exist", "no client")
		wantRefusal(t, s.do("POST", "/admin/clients/"+name+"/secret", "{}"), 404, "does_not_exist", "no client")
		wantRefusal(t, s.do("DELETE", "/admin/users/ann/sessions/"+name, ""), 404, "does_not_exist", "no session")
	}
	wantRefusal(t, s.do("POST", "/admin/revocations", `{"client":"\u0000"}`), 404, "does_not_exist", "no client")
	w := s.do("POST", "/admin/revocations", `{"client":"`+s.login("ann").Refresh+`"}`)
	wantRefusal(t, w, 400, "invalid_request", "send it as token")
	if strings.Contains(w.Body.String(), "urt_") {
		t.Errorf("got %s, which tells the token", w.Body)
	}
	wantRefusal(t, s.do("POST", "/admin/clients/job/secret", `{"keep_old":-9223372036854775808}`), 400, "invalid_request", "keep_old")
}
