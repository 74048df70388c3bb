package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/adminapi"
)

func TestUsersAreAdministered(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	w := s.do("POST", "/admin/users", `{"username":"O'Neil/50%","email":"o@example.com","full_name":"Ö","scopes":["profile","read"],"password":"a fine password"}`)
	want(t, w, http.StatusCreated)
	const path = "/admin/users/o%27neil%2F50%25"
	wantHeader(t, w, "Location", issuer+path)
	wantRefusal(t, s.do("POST", "/admin/users", `{"username":"ANN","password":"a fine password"}`), 409, "already_exists", `user "ann" already exists`)
	wantRefusal(t, s.do("POST", "/admin/users", `{"username":"new","password":"short"}`), 400, "invalid_request", "8")
	wantRefusal(t, s.do("POST", "/admin/users", `{"username":"new","password":"a fine password","scopes":["a b"]}`), 400, "invalid_request", "scope")
	wantRefusal(t, s.do("GET", "/admin/users/eve", ""), 404, "does_not_exist", `no user "eve"`)

	got := decode[adminapi.User](t, s.do("GET", "/admin/users/O'NEIL%2F50%25", ""))
	got.ID, got.CreatedAt = "", adminapi.Time{}
	if diff := cmp.Diff(adminapi.User{Username: "o'neil/50%", Email: "o@example.com", FullName: "Ö", Scopes: []string{"profile", "read"}}, got); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	login := func(word string) *httptest.ResponseRecorder {
		return s.post("/token", "grant_type", "password", "username", "o'neil/50%", "password", word)
	}
	session := decode[tokens](t, login("a fine password"))
	want(t, s.do("PUT", path+"/password", `{"password":"another fine one"}`), http.StatusNoContent)
	want(t, s.ask("GET", "/users/me", "", bearer(session.Access)), http.StatusUnauthorized)
	session = decode[tokens](t, login("another fine one"))
	changed := decode[adminapi.User](t, s.do("PATCH", path, `{"email":"","scopes":[],"full_name":null}`))
	if changed.Email != "" || changed.FullName != "Ö" || len(changed.Scopes) != 0 {
		t.Errorf("got %+v, want no address, no scopes, and the name as it was", changed)
	}
	want(t, s.ask("GET", "/users/me", "", bearer(session.Access)), http.StatusOK)
	want(t, s.do("PATCH", path, `{"disabled":true,"scopes":["profile"]}`), http.StatusOK)
	want(t, s.ask("GET", "/users/me", "", bearer(session.Access)), http.StatusUnauthorized)
	want(t, s.do("PATCH", path, `{"disabled":false}`), http.StatusOK)
	want(t, login("another fine one"), http.StatusOK)

	want(t, s.do("DELETE", path, ""), http.StatusNoContent)
	wantRefusal(t, s.do("DELETE", path, ""), 404, "does_not_exist", "no user")
	want(t, login("another fine one"), http.StatusBadRequest)
	wantProblem(t, s.do("POST", "/admin/users/ann", "{}"), http.StatusMethodNotAllowed, "method_not_allowed")
	wantHeader(t, s.do("POST", "/admin/users/ann", "{}"), "Allow", "DELETE, GET, HEAD, PATCH")
}

func TestClientsAreAdministered(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	w := s.do("POST", "/admin/clients", `{"client_id":"new","name":"New","grants":["client_credentials","client_credentials"],"scopes":["a","b"],"default_scopes":["a"],"audiences":["https://api.example"]}`)
	want(t, w, http.StatusCreated)
	wantHeader(t, w, "Location", issuer+"/admin/clients/new")
	var made adminapi.Client
	check(t, json.Unmarshal(w.Body.Bytes(), &made))
	s.secrets["new"] = made.Secret
	token := func() *httptest.ResponseRecorder {
		return s.postAs("new", "/token", "grant_type", "client_credentials")
	}
	if got := decode[tokens](t, token()).Scope; got != "a" {
		t.Errorf("scope: got %q, want a", got)
	}
	wantRefusal(t, s.do("POST", "/admin/clients", `{"client_id":"new","grants":["password"]}`), 409, "already_exists", `client "new" already exists`)
	wantRefusal(t, s.do("POST", "/admin/clients", `{"client_id":"odd","public":true,"grants":["client_credentials"]}`), 400, "invalid_request", "public client")
	wantRefusal(t, s.do("POST", "/admin/clients", `{"client_id":"odd","grants":["password"],"client_secret":"short"}`), 400, "invalid_request", "16")
	wantRefusal(t, s.do("GET", "/admin/clients/none", ""), 404, "does_not_exist", `no client "none"`)

	shown := decode[adminapi.Client](t, s.do("GET", "/admin/clients/new", ""))
	if shown.Secret != "" || !slices.Equal(shown.Grants, []string{"client_credentials"}) {
		t.Errorf("got %+v, want no secret, and each grant once", shown)
	}
	rotated := decode[adminapi.Client](t, s.do("POST", "/admin/clients/new/secret", `{"keep_old":3600000}`))
	if rotated.Secret == "" || time.Until(rotated.OldSecretUntil.Time) < 59*time.Minute {
		t.Errorf("got %+v, want a secret, and the old one for an hour", rotated)
	}
	want(t, token(), http.StatusOK) // by the old one
	s.secrets["new"] = rotated.Secret
	want(t, token(), http.StatusOK)
	wantRefusal(t, s.do("POST", "/admin/clients/new/secret", `{"keep_old":-1}`), 400, "invalid_request", "can't be kept")
	wantRefusal(t, s.do("POST", "/admin/clients/new/secret", `{"keep_old":9223372036854775807}`), 400, "invalid_request", "longer")
	wantRefusal(t, s.do("POST", "/admin/clients/web/secret", `{}`), 400, "invalid_request", "is public")
	if got := decode[adminapi.Client](t, s.do("POST", "/admin/clients/new/secret", `{"client_secret":"sixteen or more of them"}`)).Secret; got != "" {
		t.Errorf("a secret that was brought is shown: %q", got)
	}
	s.secrets["new"] = "sixteen or more of them"
	live := decode[tokens](t, token())

	wantRefusal(t, s.do("PATCH", "/admin/clients/new", `{"scopes":["b"]}`), 400, "invalid_request", "default scope")
	wantRefusal(t, s.do("PATCH", "/admin/clients/new", `{"grants":[]}`), 400, "invalid_request", "no grants")
	wantRefusal(t, s.do("PATCH", "/admin/clients/new", `{"public":true}`), 400, "invalid_request", "public")
	changed := decode[adminapi.Client](t, s.do("PATCH", "/admin/clients/new", `{"scopes":["b"],"default_scopes":[],"introspect":true,"name":"Newer"}`))
	if changed.Name != "Newer" || !changed.Introspect || !slices.Equal(changed.Scopes, []string{"b"}) || !slices.Equal(changed.Audiences, []string{"https://api.example"}) {
		t.Errorf("got %+v, want it changed, and the audience left alone", changed)
	}
	want(t, s.postAs("new", "/introspect", "token", live.Access), http.StatusOK)
	want(t, s.do("PATCH", "/admin/clients/new", `{"disabled":true}`), http.StatusOK)
	want(t, token(), http.StatusUnauthorized)
	want(t, s.do("DELETE", "/admin/clients/new", ""), http.StatusNoContent)
	wantRefusal(t, s.do("DELETE", "/admin/clients/new", ""), 404, "does_not_exist", `no client "new"`)
}

func TestSessionsAreAdministered(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	first, second := s.login("ann"), s.login("ann")
	page := decode[adminapi.Sessions](t, s.do("GET", "/admin/users/ANN/sessions?limit=1", ""))
	if len(page.Sessions) != 1 || page.Next == "" {
		t.Fatalf("got %+v, want one session and more to come", page)
	}
	rest := decode[adminapi.Sessions](t, s.do("GET", "/admin/users/ann/sessions?after="+page.Next, ""))
	if len(rest.Sessions) != 1 || rest.Next != "" || rest.Sessions[0].ID == page.Sessions[0].ID || rest.Sessions[0].ClientID != "web" {
		t.Fatalf("got %+v, want the other one, of web", rest)
	}
	want(t, s.do("DELETE", "/admin/users/ann/sessions/"+page.Sessions[0].ID, ""), http.StatusNoContent)
	wantRefusal(t, s.do("DELETE", "/admin/users/ann/sessions/"+page.Sessions[0].ID, ""), 404, "does_not_exist", "has no session")
	wantRefusal(t, s.do("DELETE", "/admin/users/bob/sessions/"+rest.Sessions[0].ID, ""), 404, "does_not_exist", "has no session")
	alive := func() (n int) {
		for _, session := range []tokens{first, second} {
			if s.ask("GET", "/users/me", "", bearer(session.Access)).Code == http.StatusOK {
				n++
			}
		}
		return n
	}
	if got := alive(); got != 1 {
		t.Errorf("got %d sessions that live, want 1", got)
	}
	want(t, s.do("POST", "/admin/revocations", `{"user":"ann"}`), http.StatusNoContent)
	if got := alive(); got != 0 {
		t.Errorf("got %d sessions that live, want none", got)
	}
	third, machine := s.login("ann"), s.machineToken()
	want(t, s.do("POST", "/admin/revocations", `{"token":"`+third.Access+`"}`), http.StatusNoContent)
	want(t, s.ask("GET", "/users/me", "", bearer(third.Access)), http.StatusUnauthorized)
	want(t, s.do("POST", "/admin/revocations", `{"token":"`+third.Refresh+`"}`), http.StatusNoContent)
	want(t, s.post("/token", "grant_type", "refresh_token", "refresh_token", third.Refresh), http.StatusBadRequest)
	want(t, s.do("POST", "/admin/revocations", `{"token":"nonsense"}`), http.StatusNoContent)
	want(t, s.do("POST", "/admin/revocations", `{"client":"job"}`), http.StatusNoContent)
	want(t, s.ask("GET", "/protected", "", bearer(machine)), http.StatusUnauthorized)
	wantRefusal(t, s.do("POST", "/admin/revocations", `{}`), 400, "invalid_request", "one of")
	wantRefusal(t, s.do("POST", "/admin/revocations", `{"user":"ann","client":"web"}`), 400, "invalid_request", "one of")
	wantRefusal(t, s.do("POST", "/admin/revocations", `{"user":"eve"}`), 404, "does_not_exist", `no user "eve"`)
	wantRefusal(t, s.do("POST", "/admin/revocations", `{"user":"ann","all":true}`), 400, "invalid_request", "one of")
	w := s.do("POST", "/admin/revocations", `{"all":true}`)
	want(t, w, http.StatusOK)
	if got := decode[adminapi.Revoked](t, w).Clients; got == 0 {
		t.Error("all: got no client")
	}
	wantProblem(t, s.do("GET", "/admin/users", ""), http.StatusUnauthorized, "invalid_token")
}

func TestKeysAndThrottleAreAdministered(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	signing := decode[adminapi.Keys](t, s.do("GET", "/admin/keys", "")).Keys[0]
	wantRefusal(t, s.do("DELETE", "/admin/keys/"+signing.ID, ""), 409, "conflict", "signing")
	wantRefusal(t, s.do("DELETE", "/admin/keys/none", ""), 404, "does_not_exist", "none")
	w := s.do("POST", "/admin/keys", `{"alg":"EdDSA"}`)
	want(t, w, http.StatusCreated)
	var made adminapi.Key
	check(t, json.Unmarshal(w.Body.Bytes(), &made))
	if made.State != "announced" || made.Algorithm != "EdDSA" {
		t.Errorf("got %+v, want an announced key", made)
	}
	wantRefusal(t, s.do("POST", "/admin/keys", `{}`), 409, "conflict", "already announced")
	wantRefusal(t, s.do("POST", "/admin/keys", `{"for_audiences":true}`), 409, "conflict", "no audience has a key of its own")
	wantRefusal(t, s.do("POST", "/admin/keys", `{"alg":"HS256"}`), 400, "invalid_request", "HS256")
	wantRefusal(t, s.do("POST", "/admin/keys", `{"now":true,"for_audiences":true}`), 400, "invalid_request", "choose one")
	want(t, s.do("DELETE", "/admin/keys/"+made.ID, ""), http.StatusNoContent)

	s.post("/token", "grant_type", "password", "username", "ann", "password", "a wrong one")
	list := decode[adminapi.Throttles](t, s.do("GET", "/admin/throttle", "")).Throttles
	if len(list) != 1 || *list[0].Username != "ann" || list[0].Failures != 1 {
		t.Errorf("got %+v, want one failure of ann", list)
	}
	want(t, s.do("DELETE", "/admin/users/ann/throttle", ""), http.StatusNoContent)
	if list := decode[adminapi.Throttles](t, s.do("GET", "/admin/throttle", "")).Throttles; len(list) != 0 {
		t.Errorf("got %+v, want nothing", list)
	}

	// For a leak: the token that asked for it is void too.
	want(t, s.do("POST", "/admin/keys", `{"now":true}`), http.StatusCreated)
	want(t, s.do("GET", "/admin/keys", ""), http.StatusUnauthorized)
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	for i := range 5 {
		s.addUser(fmt.Sprintf("user%d+a@x", i))
	}
	var names []string
	for next := ""; ; {
		page := decode[adminapi.Users](t, s.do("GET", "/admin/users?limit=3&"+encode("after", next), ""))
		for _, u := range page.Users {
			names = append(names, u.Username)
		}
		if next = page.Next; next == "" {
			break
		}
		if len(page.Users) != 3 {
			t.Fatalf("got %d users on a page that is not the last, want 3", len(page.Users))
		}
	}
	wanted := []string{"ann", "bob", "root", "user0+a@x", "user1+a@x", "user2+a@x", "user3+a@x", "user4+a@x"}
	if diff := cmp.Diff(wanted, names); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if got := decode[adminapi.Clients](t, s.do("GET", "/admin/clients?limit=5", "")); len(got.Clients) != 5 || got.Next != "" {
		t.Errorf("got %+v, want five clients and no more to come", got)
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "limit=", "after=%00", "after=%ff", "a=%zz"} {
		wantRefusal(t, s.do("GET", "/admin/users?"+query, ""), 400, "invalid_request", "")
	}
}

func TestABodyIsTakenToTheLetter(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	for _, tt := range []struct{ name, body, text string }{
		{"a slip", `{"disable":true}`, `"disable"`},
		{"other capitals", `{"Disabled":true}`, `"Disabled"`},
		{"a name twice", `{"disabled":true,"disabled":false}`, "each name once"},
		{"another type", `{"disabled":"yes"}`, `"disabled"`},
		{"an array", `[]`, "one JSON object"},
		{"null", `null`, "one JSON object"},
		{"nothing", ``, "one JSON object"},
		{"two", `{} {}`, "one JSON object"},
		{"no JSON", `{`, "one JSON object"},
		{"no Unicode", "{\"email\":\"\xff\"}", "Unicode"},
		{"half a pair", `{"email":"\ud800"}`, "Unicode"},
		{"control characters", `{"email":"a\u0000b"}`, "control character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantRefusal(t, s.do("PATCH", "/admin/users/ann", tt.body), 400, "invalid_request", tt.text)
		})
	}
	wantRefusal(t, s.ask("PATCH", "/admin/users/ann", "disabled=true", bearer(s.token), form), 415, "invalid_request", "application/json")
	want(t, s.do("PATCH", "/admin/users/ann", `{"email":"`+strings.Repeat("x", 64<<10)+`"}`), http.StatusRequestEntityTooLarge)
	if got := decode[adminapi.User](t, s.do("PATCH", "/admin/users/ann", `{}`)); got.Email != "ann@example.com" || got.Disabled {
		t.Errorf("got %+v, want ann as before", got)
	}
}

// Of changes at once each keeps what the others touched, and of those that add one
// name one wins.
func TestAdministratorsAtOnce(t *testing.T) {
	t.Parallel()
	s := newAdministered(t)
	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			body := `{"email":"new@example.com"}`
			if i%2 == 0 {
				body = `{"full_name":"New"}`
			}
			want(t, s.do("PATCH", "/admin/users/ann", body), http.StatusOK)
			statuses[i] = s.do("POST", "/admin/clients", `{"client_id":"one","grants":["client_credentials"]}`).Code
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	if wanted := []int{201, 409, 409, 409, 409, 409, 409, 409}; !slices.Equal(statuses, wanted) {
		t.Errorf("got %v, want %v", statuses, wanted)
	}
	if got := decode[adminapi.User](t, s.do("GET", "/admin/users/ann", "")); got.Email != "new@example.com" || got.FullName != "New" {
		t.Errorf("got %+v, want both changes", got)
	}
}

func TestAdministrationFollowsTheCORSOrigins(t *testing.T) {
	t.Parallel()
	s := newAdministered(t, allowing("https://app.example.com"))
	for origin, allowed := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example.com": ""} {
		w := s.ask("DELETE", "/admin/users/ann", "", "Origin: "+origin)
		wantHeader(t, w, "Access-Control-Allow-Origin", allowed)
		w = s.ask("OPTIONS", "/admin/users/ann", "", "Origin: "+origin, "Access-Control-Request-Method: DELETE", "Access-Control-Request-Headers: authorization")
		wantHeader(t, w, "Access-Control-Allow-Origin", allowed)
	}
	w := newAdministered(t).do("GET", "/admin/users", "")
	wantHeader(t, w, "Access-Control-Allow-Origin", "")
}
