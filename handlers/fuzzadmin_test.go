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
	for _, path := range []string{"users?after=%zz&limit=0", "users/E%56E", "users/%00", "users/%ff", "clients/%00", "users/ann/sessions?limit=1&after=x", "clients", "keys", "throttle", "../token"} {
		f.Add("GET", path, "")
	}
	for _, path := range []string{"users/bob", "users/ann/sessions/%00", "users/ann/throttle", "keys/x", ""} {
		f.Add("DELETE", path, "")
	}
	for path, bodies := range map[string][]string{
		"POST users": {"", "null", "[]", `{"username":"eve","password":"a fine password","scopes":["profile"]}`, `{"username":"a/b","password":"a fine password"}`,
			`{"username":"\ud800","password":"a fine password"}`, `{"a":1,"a":2}`, strings.Repeat("[", 1000)},
		"PATCH users/ann": {`{"email":"e@example.com","full_name":"\u0000","disabled":false}`, `{"full_name":"\ufffd"}`, `{"scopes":["a b"]}`,
			`{"scopes":[],"disabled":null}`, `{"disabled":"yes"}`, `{"Disabled":true}`},
		"PUT users/ann/password":  {`{"password":"another fine one"}`, `{"password":1}`},
		"POST clients":            {`{"client_id":"new","grants":["client_credentials"],"audiences":["x"]}`, `{"client_id":"a/b","public":true,"grants":["password"]}`},
		"PATCH clients/web":       {`{"name":"Web","grants":[],"default_scopes":["read"]}`, `{"audiences":["x","x"]}`},
		"POST clients/job/secret": {`{"keep_old":-1}`, `{"keep_old":9223372036854775807}`, `{"client_secret":"sixteen or more bytes"}`},
		"POST keys":               {`{"alg":"RS256","for_audiences":true}`, `{"alg":"none"}`},
		"POST revocations":        {`{"user":"eve"}`, `{"token":"{access}A"}`, `{"user":"ann","client":"web"}`},
	} {
		for _, body := range bodies {
			method, path, _ := strings.Cut(path, " ")
			f.Add(method, path, body)
		}
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
