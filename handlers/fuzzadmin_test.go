package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzAdministration sends strange changes as an administrator, and as nobody. Nobody
// changes anything, and what was changed is there as the answer showed it.
func FuzzAdministration(f *testing.F) {
	z := newFuzzed(f)
	for _, path := range []string{"users", "users/ann", "users/E%56E", "users/a%2Fb", "users/%00", "users/%ff", "users/ann/sessions?limit=1&after=x", "users/ann/sessions/x",
		"users/ann/throttle", "clients", "clients/web", "keys", "keys/x", "throttle", "users?after=%zz&limit=0", "", "../token"} {
		f.Add("GET", path, "")
	}
	f.Add("DELETE", "users/bob", "")
	f.Add("DELETE", "keys/x", "")
	for _, body := range []string{
		"", "null", "[]", `{"username":"eve","password":"a fine password","scopes":["profile"]}`, `{"username":"a/b","password":"a fine password"}`, `{"username":"\ud800","password":"a fine password"}`,
		`{"email":"e@example.com","full_name":"\u0000","disabled":false}`, `{"full_name":"\ufffd"}`, `{"scopes":["a b"]}`, `{"scopes":[],"disabled":null}`, `{"disabled":"yes"}`, `{"Disabled":true}`,
		`{"client_id":"new","grants":["client_credentials"],"audiences":["x"]}`, `{"keep_old":-1}`, `{"keep_old":9223372036854775807}`, `{"user":"eve"}`, `{"token":"{access}A"}`,
		`{"alg":"RS256","for_audiences":true}`, `{"password":"another fine one"}`, `{"a":1,"a":2}`, strings.Repeat("[", 1000),
	} {
		f.Add("POST", "users", body)
		f.Add("PATCH", "users/ann", body)
		f.Add("PUT", "users/ann/password", body)
		f.Add("POST", "clients", body)
		f.Add("PATCH", "clients/web", body)
		f.Add("POST", "clients/job/secret", body)
		f.Add("POST", "keys", body)
		f.Add("POST", "revocations", body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		const who, what = "Authorization", "Content-Type"
		if strings.Contains(path+body, "ops") || strings.Contains(body, "all") || strings.Contains(body, "now") {
			t.Skip("the administrator has to stay")
		}
		if w := z.send(t, method, "/admin/"+path, body, what, "application/json"); w != nil && w.Code < 400 && method != http.MethodOptions {
			t.Fatalf("got %d without a token", w.Code)
		}
		w := z.send(t, method, "/admin/"+path, body, what, "application/json", who, "Bearer {admin}")
		if w == nil || w.Code >= 400 {
			return
		}
		place := ""
		switch {
		case w.Code == http.StatusCreated && strings.HasPrefix(path, "users"):
			place = strings.TrimPrefix(w.Header().Get("Location"), issuer)
		case method == http.MethodPatch:
			place = "/admin/" + path
		default:
			return
		}
		seen := z.send(t, http.MethodGet, place, "", who, "Bearer {admin}")
		if seen == nil || seen.Code != http.StatusOK || seen.Body.String() != w.Body.String() {
			t.Errorf("%s: got %v, want %s", place, seen, w.Body)
		}
	})
}
