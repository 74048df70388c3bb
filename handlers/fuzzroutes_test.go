package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const formType = "application/x-www-form-urlencoded"

// FuzzToken sends strange requests to POST /token. Nobody gets a token without a
// password, a refresh token or a secret.
func FuzzToken(f *testing.F) {
	z := newFuzzed(f)
	for _, body := range []string{
		"", "grant_type=password&username=ann&password=correct+horse", "grant_type=password&username=ann&password=correct+horse&scope=profile+read",
		"grant_type=password&username=ann&password=wrong&client_id=web", "grant_type=password&username=%00&password=%ff",
		"grant_type=password&username=ANN&password=correct+horse&resource=https://auth.example.com&audience=https://auth.example.com",
		"grant_type=password&username=ann&password=correct+horse&scope=%22", "grant_type=password&grant_type=password", "grant_type=implicit",
		"grant_type=refresh_token&refresh_token={spare}", "grant_type=refresh_token&refresh_token={endedrefresh}&scope=admin",
		"grant_type=refresh_token&refresh_token={access}", "grant_type=refresh_token&refresh_token=urt_", "grant_type=refresh_token&refresh_token={spare}A",
		"grant_type=client_credentials", "grant_type=client_credentials&client_id=job&client_secret={job}", "grant_type=client_credentials&scope=profile",
		"client_id=web&client_secret=x&grant_type=password", "%zz", "a;b=c", "grant_type=password&username=ann&password=" + strings.Repeat("p", 100),
	} {
		f.Add(body, formType, "", "", "198.51.100.7")
		f.Add(body, formType+"; charset=utf-8", "{jobbasic}", "", "2001:db8::1")
	}
	f.Add("grant_type=client_credentials", formType, "Basic Og==", "grant_type=x&password=y", "x")
	f.Add("{}", "application/json", "Basic !", "%zz", ",,")
	f.Fuzz(func(t *testing.T, body, contentType, authorization, query, from string) {
		w := z.send(t, http.MethodPost, "/token?"+query, body, "Content-Type", contentType, "Authorization", authorization, "X-Forwarded-For", from)
		if w == nil || w.Code != http.StatusOK {
			return
		}
		form, err := url.ParseQuery(z.words.Replace(body))
		if err != nil {
			t.Fatalf("got 200 for a body that is no form: %v", err)
		}
		proof := form.Get("password")+form.Get("refresh_token")+form.Get("client_secret") != "" ||
			strings.HasPrefix(strings.ToLower(z.words.Replace(authorization)), "basic ")
		if !proof || query != "" && strings.Contains(query, "password=") {
			t.Errorf("got tokens for %q", body)
		}
	})
}

// FuzzIntrospect sends strange requests to POST /introspect. Only what was issued and
// not ended is ever active.
func FuzzIntrospect(f *testing.F) {
	z := newFuzzed(f)
	for _, token := range []string{"{access}", "{refresh}", "{machine}", "{ended}", "{endedrefresh}", "{access}.", "{access}A", "{refresh}A", "..", "", "e30.e30.AA",
		"eyJhbGciOiJub25lIn0.e30.", "%00", "urt_", strings.Repeat(".", 300)} {
		for _, accept := range []string{"", "*/*", "application/token-introspection+jwt", "application/json;q=0.1, application/token-introspection+jwt;q=0.9"} {
			f.Add("token="+token, "{apibasic}", accept)
		}
		f.Add("token_type_hint=refresh_token&token="+token, "{jobbasic}", "text/html;q=x")
		f.Add("client_id=api&client_secret={api}&token="+token, "", "application/token-introspection+jwt;q=1e400")
		f.Add("client_id=web&token="+token, "", "")
	}
	f.Fuzz(func(t *testing.T, body, authorization, accept string) {
		w := z.send(t, http.MethodPost, "/introspect", body, "Content-Type", formType, "Authorization", authorization, "Accept", accept)
		if w == nil || w.Code != http.StatusOK {
			return
		}
		var found struct{ Active bool }
		signed := w.Header().Get("Content-Type") != "application/json"
		if !signed {
			check(t, json.Unmarshal(w.Body.Bytes(), &found))
		}
		form, err := url.ParseQuery(z.words.Replace(body))
		if err != nil {
			t.Fatalf("got 200 for a body that is no form: %v", err)
		}
		token := form.Get("token")
		if found.Active && token != z.access && token != z.live && token != z.words.Replace("{machine}") && token != z.words.Replace("{spare}") {
			t.Errorf("%q is active", token)
		}
	})
}

// FuzzRevoke sends strange requests to POST /revoke. What it ends is what was sent.
func FuzzRevoke(f *testing.F) {
	z := newFuzzed(f)
	for _, token := range []string{"{ended}", "{endedrefresh}", "{machine}", "{spareaccess}A", "{spare}A", "{spare}", "..", "", "%ff", "urt_AAAA"} {
		f.Add("token="+token, formType, "")
		f.Add("client_id=web&token_type_hint=x&token="+token, formType+"; boundary=x", "Basic d2ViOg==")
		f.Add("token="+token+"&token="+token, "text/plain", "{apibasic}")
	}
	f.Fuzz(func(t *testing.T, body, contentType, authorization string) {
		if strings.Contains(body, "{access}") || strings.Contains(body, "{refresh}") {
			t.Skip("these sessions have to stay")
		}
		w := z.send(t, http.MethodPost, "/revoke", body, "Content-Type", contentType, "Authorization", authorization)
		if w != nil && w.Code == http.StatusOK && w.Body.Len() != 0 {
			t.Errorf("got %q, want nothing", w.Body)
		}
		if w := z.send(t, http.MethodGet, "/users/me", "", "Authorization", "Bearer {access}"); w.Code != http.StatusOK {
			t.Errorf("%q ended a session that it does not name", body)
		}
	})
}

// FuzzBearer sends strange requests to the bearer resources. Only the token that was
// issued opens them.
func FuzzBearer(f *testing.F) {
	z := newFuzzed(f)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer {access}", "bearer  {access}", "Bearer {machine}", "Bearer {ended}", "Bearer {refresh}",
		"Bearer {access}, Bearer {access}", "Bearer {access}.", "Basic {access}", "Bearer ..", "Bearer eyJhbGciOiJub25lIn0.e30.", "{apibasic}", "Bearer \xff"} {
		for _, query := range []string{"", "scope=profile", "scope=profile+read&audience=https://auth.example.com", "scope=%22", "scope=a&scope=b", "audience=x", "%zz", "access_token={access}"} {
			f.Add(authorization, query)
		}
	}
	f.Fuzz(func(t *testing.T, authorization, query string) {
		sent := strings.TrimLeft(strings.Trim(z.words.Replace(authorization), " \t"), "BEARbear")
		known := strings.HasPrefix(sent, " ") && (strings.TrimLeft(sent, " ") == z.access || strings.TrimLeft(sent, " ") == z.words.Replace("{machine}"))
		for _, path := range []string{"/verify", "/users/me", "/protected"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := z.send(t, method, path+"?"+query, "", "Authorization", authorization)
				if w != nil && w.Code < 400 && !known {
					t.Errorf("%s %s: got %d for %q", method, path, w.Code, authorization)
				}
			}
		}
	})
}

// FuzzPasswordChange sends strange bodies to PUT /users/me/password. None sets a
// password that was not proved by the current one.
func FuzzPasswordChange(f *testing.F) {
	z := newFuzzed(f)
	for _, body := range []string{
		"", "{}", "null", "[]", `{"current_password":"correct horse","new_password":"x"}`, `{"current_password":"wrong","new_password":"another horse"}`,
		`{"current_password":"correct horse","new_password":"another\u0000horse"}`, `{"current_password":1}`, `{"current_password":"a","current_password":"b","new_password":"another horse"}`,
		"current_password=wrong&new_password=another+horse", "current_password=a&current_password=b", "%zz", `{"new_password":"` + strings.Repeat("p", 80) + `","current_password":"x"}`,
		`{"current_password":"\ud800","new_password":"another horse"}`, strings.Repeat("[", 1000),
	} {
		f.Add(body, "application/json")
		f.Add(body, formType)
		f.Add(body, "text/plain; x=\"")
	}
	f.Fuzz(func(t *testing.T, body, contentType string) {
		w := z.send(t, http.MethodPut, "/users/me/password", body, "Content-Type", contentType, "Authorization", "Bearer {access}")
		if w != nil && w.Code < 400 && !strings.Contains(strings.ReplaceAll(body, "+", " "), "correct") && !strings.ContainsAny(body, `\%`) {
			t.Errorf("got %d for %q", w.Code, body)
		}
	})
}

// FuzzRoute sends any method to any path, with any one header.
func FuzzRoute(f *testing.F) {
	z := newFuzzed(f)
	for _, path := range []string{"/", "/token", "/introspect", "/revoke", "/users/me", "/users/me/password", "/verify", "/protected", "/.well-known/jwks.json",
		"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-protected-resource", "/openapi.json", "/openapi.yaml", "/docs",
		"/healthz", "/readyz", "/metrics", "/debug/pprof/", "//token", "/token/", "/TOKEN", "/%74oken", "/token%00", "/token;x=y", "/docs/../token", "/docs/usher.js", "*"} {
		f.Add("GET", path, "If-None-Match", `W/"x", *`)
		f.Add("HEAD", path, "Accept", "application/*;q=0")
		f.Add("OPTIONS", path, "Origin", "https://app.example.com")
		f.Add("POST", path, "X-Forwarded-For", "for=1, \xff")
		f.Add("PUT", path, "Content-Type", "application/json")
		f.Add("DELETE", path, "Accept-Encoding", "gzip;q=9")
		f.Add("TRACE", path, "Range", "bytes=0-0,1-1")
		f.Add("x", path, "X-Request-Id", "mine")
	}
	f.Fuzz(func(t *testing.T, method, target, name, value string) {
		w := z.send(t, method, target, "", name, value, "Access-Control-Request-Method", "POST")
		if w != nil && w.Header().Get("X-Request-Id") == value {
			t.Error("the client chose the request's id")
		}
	})
}
