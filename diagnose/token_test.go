package diagnose_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/keys/keystest"
	"github.com/usher-oauth/usher/resource"
)

func TestEveryFaultOfATokenIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			make := tt.token
			if make == nil {
				make = text(func(token string) string { return token })
			}
			token := s.explained(make(s))
			if tt.expect != nil {
				tt.expect(s, &token)
			}
			e := token.Explain(t.Context())
			if e.Kind != tt.kind || e.Accepted {
				t.Errorf("got %q, accepted: %v, want %q and false", e.Kind, e.Accepted, tt.kind)
			}
			checks := only(tt.check)
			if tt.check == "form" && e.Kind == diagnose.AccessToken && strings.Contains(tt.name, "signature") {
				checks = append(checks, "signature")
			}
			expectFault(t, e.Checks, checks, fails, tt.found, tt.fix)
			expectSecrecy(t, token.Text, e)
		})
	}
}

func TestEveryFaultOfAHeaderIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		change     func(header map[string]any)
		checks     []string
		found, fix string
	}{
		{"no signature", func(h map[string]any) { h["alg"] = "none" }, only("alg"), "NOBODY SIGNED IT", "RFC 8725"},
		{"a shared secret", func(h map[string]any) { h["alg"] = "HS256" }, only("alg"), "whoever can check it can forge it", "key pair"},
		{"another algorithm", func(h map[string]any) { h["alg"] = "PS256" }, only("alg"), `"PS256" is none of`, "one of these"},
		{"the algorithm of another key", func(h map[string]any) { h["alg"] = "EdDSA" }, only("kid"), `is for "ES256", and the token says "EdDSA"`, "must not choose"},
		{"no typ", func(h map[string]any) { delete(h, "typ") }, []string{"typ", "signature"}, "no typ", "access_token"},
		{"a key set of its own", func(h map[string]any) { h["jku"] = "https://attacker.example.com" }, []string{"header", "signature"}, `"jku"`, "RFC 8725"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			head, rest, _ := strings.Cut(s.login().AccessToken, ".")
			b, err := base64.RawURLEncoding.DecodeString(head)
			check(t, err)
			var header map[string]any
			check(t, json.Unmarshal(b, &header))
			tt.change(header)
			b, err = json.Marshal(header)
			check(t, err)
			token := s.explained(encoded(string(b)) + "." + rest)
			e := token.Explain(t.Context())
			if e.Accepted {
				t.Error("got it accepted")
			}
			expectFault(t, e.Checks, tt.checks, fails, tt.found, tt.fix)
			expectSecrecy(t, token.Text, e)
		})
	}
}

// expectSecrecy demands that nothing in an explanation could be used in the place of
// the token.
func expectSecrecy(t *testing.T, token string, e diagnose.Explanation) {
	t.Helper()
	shown, err := json.Marshal(e)
	check(t, err)
	token = strings.TrimSpace(token)
	for _, secret := range []string{token, token[strings.LastIndex(token, ".")+1:]} {
		if len(secret) >= 16 && strings.Contains(string(shown), secret) {
			t.Errorf("got %s, with %q in it", shown, secret)
		}
	}
}

func TestGoodTokensAreAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := s.login()
	secret := s.addClient(t, clientWithCredentials)
	own := s.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"job"}, "client_secret": {secret}})
	for name, token := range map[string]diagnose.Token{
		"of a login":              s.explained(login.AccessToken),
		"of a client":             s.explained(own.AccessToken),
		"with a line break":       s.explained(login.AccessToken + "\n"),
		"with the scheme":         s.explained("Authorization: Bearer " + login.AccessToken),
		"with nothing expected":   {Text: login.AccessToken, Transport: s.transport},
		"a refresh token":         {Text: login.RefreshToken, Store: s.store, Master: s.master},
		"a refresh token, no key": {Text: login.RefreshToken, Store: s.store},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := token.Explain(t.Context())
			if !e.Accepted || len(diagnose.Failed(e.Checks)) > 0 {
				t.Errorf("got %+v, want it accepted", e)
			}
			expectSecrecy(t, token.Text, e)
		})
	}
}

// The session that changes the password goes on, and its tokens are of an older
// epoch than the user.
func TestATokenThatChangedThePasswordIsAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := s.login()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/users/me/password", strings.NewReader("current_password="+url.QueryEscape(password)+"&new_password=battery+staple"))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+login.AccessToken)
	response, err := http.DefaultClient.Do(r)
	check(t, err)
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("changing the password: got %s", response.Status)
	}
	if e := s.explained(login.AccessToken).Explain(t.Context()); !e.Accepted {
		t.Errorf("got %+v, want it accepted", e)
	}
}

// What only the issuer knows is not guessed.
func TestARefreshTokenAloneIsNotCalledGood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	e := diagnose.Token{Text: s.login().RefreshToken}.Explain(t.Context())
	if e.Accepted || len(diagnose.Failed(e.Checks)) > 0 || !slices.ContainsFunc(e.Checks, func(f diagnose.Finding) bool { return f.Status == diagnose.Skipped }) {
		t.Errorf("got %+v, want neither accepted nor refused", e)
	}
}

// Whatever package resource refuses, whoever made it, must not be called good.
func TestNoForgeryIsCalledGood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api, err := resource.New(resource.Config{Issuer: s.URL, Audience: s.URL})
	check(t, err)
	ring, _, err := s.keys.Ring(t.Context())
	check(t, err)
	claims, err := json.Marshal(s.claims())
	check(t, err)
	forgeries := keystest.Forgeries(ring, time.Now(), accesstoken.Type, claims)
	if len(forgeries) < 50 {
		t.Fatalf("got %d forgeries, want more", len(forgeries))
	}
	for _, f := range forgeries {
		token := s.explained(f.Token)
		token.Scopes = nil
		e := token.Explain(t.Context())
		if _, err := api.Verify(t.Context(), f.Token); err != nil && e.Accepted && strings.Trim(f.Token, " \t\r\n") == f.Token {
			t.Errorf("%s: package resource says %v, got %+v", f.Name, err, e.Checks)
		}
		expectSecrecy(t, f.Token, e)
	}
}

// A token says where its issuer is; that must not send anyone anywhere.
func TestATokenSendsNobodyElsewhere(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	elsewhere := newSite(t, behind(func(_ *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r.URL.Path
			next.ServeHTTP(w, r)
		})
	}))
	for name, tt := range map[string]struct {
		front front
		check string
		found string
	}{
		"keys elsewhere": {metadata(func(m map[string]any) { m["jwks_uri"] = elsewhere.URL + jwksPath }), "key set", "where nothing is fetched because a token says so"},
		"a redirect":     {instead("/.well-known/", 302, "", "Location", elsewhere.URL+oauthPath), "key set", "a redirect to " + elsewhere.URL},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, behind(tt.front))
			e := diagnose.Token{Text: s.login().AccessToken, Transport: s.transport}.Explain(t.Context())
			expectFault(t, e.Checks, only(tt.check), fails, tt.found, "")
			if len(asked) > 0 {
				t.Errorf("got a question for %s", <-asked)
			}
		})
	}
	for _, issuer := range []string{"http://169.254.169.254/latest", "http://[fe80::1%25lo]", "file:///etc/passwd", "gopher://127.0.0.1:25", "http://ann:secret@127.0.0.1"} {
		t.Run(issuer, func(t *testing.T) {
			s := newSite(t)
			c := s.claims()
			c.Issuer = issuer
			e := diagnose.Token{Text: s.sign("at+jwt", c)}.Explain(t.Context())
			failed := diagnose.Failed(e.Checks)
			if diff := cmp.Diff(1, len(failed)); diff != "" || failed[0] != "iss" && failed[0] != "key set" {
				t.Errorf("got %+v, want that nobody is asked", e.Checks)
			}
			if strings.Contains(fmt.Sprint(e.Checks), "gave no answer") {
				t.Errorf("got %+v, want no try", e.Checks)
			}
		})
	}
}

var clientWithCredentials = admin.NewClient{ID: "job", Grants: []string{"client_credentials"}, Scopes: []string{"profile"}}
