package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys/keystest"
	"github.com/usher-oauth/usher/resource"
)

// greet is an API of one route: it names the subject.
var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	claims, ok := resource.FromContext(r.Context())
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	io.WriteString(w, "hello "+claims.Subject+"\n")
})

// call sends a request with the Authorization headers given.
func call(t *testing.T, h http.Handler, authorization ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest("GET", "/?access_token=query", nil).WithContext(t.Context())
	for _, value := range authorization {
		req.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestRequire(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	valid := i.token(t)
	expired := i.claims()
	expired.Expiry = i.Now().Unix()
	other := i.claims()
	other.Audience = []string{"https://other.example"}
	narrow := i.claims()
	narrow.Scope = "profile"

	const (
		realm   = `Bearer realm="https://api.example"`
		invalid = realm + `, error="invalid_token", error_description="`
	)
	for _, tt := range []struct {
		name          string
		authorization []string
		status        int
		challenge     string
		body          string
	}{
		{"valid", []string{"Bearer " + valid}, 200, "", "hello u1\n"},
		{"scheme in small letters", []string{"bearer " + valid}, 200, "", "hello u1\n"},
		{"two spaces", []string{"Bearer  " + valid}, 200, "", "hello u1\n"},
		{
			"none", nil, 401, realm,
			`{"error":"missing_token","error_description":"An access token is needed, as Bearer in the Authorization header"}`,
		},
		{
			"another scheme", []string{"Basic dTpw"}, 401, realm,
			`{"error":"missing_token","error_description":"An access token is needed, as Bearer in the Authorization header"}`,
		},
		{
			"the token alone", []string{valid}, 401, realm,
			`{"error":"missing_token","error_description":"An access token is needed, as Bearer in the Authorization header"}`,
		},
		{
			"no token after the scheme", []string{"Bearer"}, 401, invalid + `The access token is empty"`,
			`{"error":"invalid_token","error_description":"The access token is empty"}`,
		},
		{
			"two headers", []string{"Bearer " + valid, "Bearer " + valid}, 401, invalid + `There is more than one Authorization header"`,
			`{"error":"invalid_token","error_description":"There is more than one Authorization header"}`,
		},
		{
			"two tokens", []string{"Bearer " + valid + " " + valid}, 401, invalid + `The access token is not valid here"`,
			`{"error":"invalid_token","error_description":"The access token is not valid here"}`,
		},
		{
			"malformed", []string{"Bearer x"}, 401, invalid + `The access token is not valid here"`,
			`{"error":"invalid_token","error_description":"The access token is not valid here"}`,
		},
		{
			"expired", []string{"Bearer " + i.sign(t, expired)}, 401, invalid + `The access token has expired"`,
			`{"error":"invalid_token","error_description":"The access token has expired"}`,
		},
		{
			"another audience", []string{"Bearer " + i.sign(t, other)}, 401, invalid + `The access token is not valid here"`,
			`{"error":"invalid_token","error_description":"The access token is not valid here"}`,
		},
		{
			"a scope short", []string{"Bearer " + i.sign(t, narrow)}, 403,
			realm + `, error="insufficient_scope", error_description="The access token lacks a scope", scope="profile orders:read"`,
			`{"error":"insufficient_scope","error_description":"The access token lacks a scope"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := call(t, i.api(t).Require(greet, "profile", "orders:read"), tt.authorization...)
			if w.Code != tt.status {
				t.Errorf("got status %d, want %d", w.Code, tt.status)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("got challenge\n%s, want\n%s", got, tt.challenge)
			}
			if got := w.Body.String(); strings.TrimSpace(got) != strings.TrimSpace(tt.body) {
				t.Errorf("got body\n%s, want\n%s", got, tt.body)
			}
			if tt.status == 200 {
				return
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("got Content-Type %q, want application/json", got)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("got Cache-Control %q, want no-store", got)
			}
		})
	}
}

// RFC 9728, section 5.1, and RFC 9110, section 5.6.4.
func TestChallengeNamesRealmAndMetadata(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	const metadata = "https://api.example/.well-known/oauth-protected-resource"
	r := i.api(t, func(c *resource.Config) { c.Realm, c.MetadataURL = "the \"best\\\" API\r\né", metadata })
	h := r.Require(greet, `odd"scope`)
	const realm, suffix = `Bearer realm="the \"best\\\" API"`, `, resource_metadata="` + metadata + `"`
	if got, want := call(t, h).Header().Get("WWW-Authenticate"), realm+suffix; got != want {
		t.Errorf("no token: got\n%s, want\n%s", got, want)
	}
	want := realm + `, error="insufficient_scope", error_description="The access token lacks a scope", scope="odd\"scope"` + suffix
	if got := call(t, h, "Bearer "+i.token(t)).Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("no scope: got\n%s, want\n%s", got, want)
	}
}

func TestRefuseTokenAnswersAsRequire(t *testing.T) {
	t.Parallel()
	var told []string
	r := newIssuer(t).api(t, func(c *resource.Config) {
		c.Refused = func(_ *http.Request, code string) { told = append(told, code) }
	})
	refused := call(t, http.HandlerFunc(r.RefuseToken))
	required := call(t, r.Require(greet), "Bearer nonsense")
	call(t, r.Require(greet))
	if diff := cmp.Diff([]string{"invalid_token", "invalid_token", "missing_token"}, told); diff != "" {
		t.Errorf("told of refusals (-want +got):\n%s", diff)
	}
	if refused.Code != required.Code || refused.Body.String() != required.Body.String() {
		t.Errorf("got %d %s, want %d %s", refused.Code, refused.Body, required.Code, required.Body)
	}
	if d := cmp.Diff(required.Header(), refused.Header()); d != "" {
		t.Error(d)
	}
}

func TestRequireWithoutKeysIs503(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() { i.answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) } })
	w := call(t, i.api(t).Require(greet), "Bearer "+i.token(t))
	const body = `{"error":"temporarily_unavailable","error_description":"The access token can't be checked right now"}` + "\n"
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" || w.Header().Get("WWW-Authenticate") != "" || w.Body.String() != body {
		t.Errorf("got %d, headers %v, body %s; want 503 with Retry-After 1 and body %s", w.Code, w.Header(), w.Body, body)
	}
}

func TestActive(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	token := i.token(t)
	outage := errors.New("database is down")
	for _, tt := range []struct {
		name   string
		active bool
		err    error
		status int
		want   error
	}{
		{"active", true, nil, 200, nil},
		{"revoked", false, nil, 401, resource.ErrInvalid},
		{"unknown", false, outage, 503, resource.ErrUnavailable},
		{"unknown, whatever it says", true, outage, 503, outage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := i.api(t, func(c *resource.Config) {
				c.Active = func(_ context.Context, _ string, c resource.Claims) (bool, error) {
					if c.Subject != "u1" {
						t.Errorf("asked about %+v, want the token's claims", c)
					}
					return tt.active, tt.err
				}
			})
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, tt.want) {
				t.Errorf("Verify: got %v, want %v", err, tt.want)
			}
			if got := call(t, r.Require(greet), "Bearer "+token).Code; got != tt.status {
				t.Errorf("Require: got %d, want %d", got, tt.status)
			}
		})
	}
}

// Active costs a question somewhere; a token that is bad anyway must not cause it.
func TestActiveIsNotAskedAboutBadTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r := i.api(t, func(c *resource.Config) {
		c.Active = func(context.Context, string, resource.Claims) (bool, error) {
			t.Error("asked")
			return true, nil
		}
	})
	c := i.claims()
	c.Expiry = i.Now().Unix()
	for _, token := range []string{"x.y.z", i.sign(t, c), newIssuer(t).token(t)} {
		if _, err := r.Verify(t.Context(), token); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	for _, typ := range accesstoken.Types() {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			forgeriesAreRefused(t, typ)
		})
	}
}

func forgeriesAreRefused(t *testing.T, typ string) {
	i := newIssuer(t)
	claims := i.claims()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	r := i.api(t, func(c *resource.Config) { c.Type = typ })
	h := r.Require(greet)
	forgeries := keystest.Forgeries(i.ring, epoch, typ, payload)
	for _, f := range forgeries {
		if _, err := r.Verify(t.Context(), f.Token); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%s: Verify: got %v, want ErrInvalid", f.Name, err)
		}
		if !f.InHeader() {
			continue // it would be another token once it got here
		}
		w := call(t, h, "Bearer "+f.Token)
		if challenge := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: Require: got %d %s, want 401 invalid_token", f.Name, w.Code, challenge)
		}
	}
	if len(forgeries) < 300 {
		t.Errorf("got %d forgeries, want the whole list", len(forgeries))
	}
	valid, err := accesstoken.SignAs(i.ring, epoch, typ, claims, accesstoken.Extra{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(t.Context(), valid); err != nil {
		t.Errorf("the token they are made from: %v", err)
	}
}

func TestVerifyReturnsTheClaims(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	want := i.claims()
	got, err := i.api(t).Verify(t.Context(), i.sign(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	i.advance(time.Hour)
	if _, err := i.api(t).Verify(t.Context(), i.sign(t, want)); !errors.Is(err, accesstoken.ErrExpired) || !errors.Is(err, resource.ErrInvalid) {
		t.Errorf("an hour later: got %v, want ErrExpired and ErrInvalid", err)
	}
}

func TestFromContextOfAnotherRequest(t *testing.T) {
	t.Parallel()
	if claims, ok := resource.FromContext(t.Context()); ok {
		t.Errorf("got %+v, want nothing", claims)
	}
}

// keySet is a KeySet that needs no network.
type keySet struct {
	*issuer
	err error
}

func (k keySet) Verify(_ context.Context, token, typ string) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.ring.Verify(epoch, token, typ)
}

func TestKeysInsteadOfFetching(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r := i.api(t, func(c *resource.Config) { c.Keys = keySet{i, nil} })
	expect(t, i, r, "valid", i.token(t), nil)
	expect(t, i, r, "strange", newIssuer(t).token(t), resource.ErrInvalid)
	r = i.api(t, func(c *resource.Config) { c.Keys = keySet{i, io.ErrUnexpectedEOF} })
	expect(t, i, r, "no keys", i.token(t), resource.ErrUnavailable)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]resource.Config{
		"no audience":         {Issuer: "https://auth.example"},
		"type of no token":    {Issuer: "https://auth.example", Audience: audience, Type: "token-introspection+jwt"},
		"no issuer":           {Audience: audience},
		"issuer without host": {Audience: audience, Issuer: "https://"},
		"issuer of no web":    {Audience: audience, Issuer: "ftp://auth.example"},
		"issuer with a query": {Audience: audience, Issuer: "https://auth.example?x=y"},
		"issuer of no URL":    {Audience: audience, Issuer: "https://auth.example/%zz"},
		"keys in a file":      {Audience: audience, Issuer: "https://auth.example", JWKSURL: "file:///etc/keys"},
	} {
		if r, err := resource.New(c); err == nil {
			t.Errorf("%s: got %v, want an error", name, r)
		}
	}
	if _, err := resource.New(resource.Config{Audience: audience, Issuer: "https://auth.example"}); err != nil {
		t.Errorf("issuer and audience alone: %v", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	i := newIssuer(b)
	r := i.api(b)
	token := i.token(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyInParallel(b *testing.B) {
	i := newIssuer(b)
	r := i.api(b)
	token := i.token(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
