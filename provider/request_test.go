package provider_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/provider"
)

const formType = "application/x-www-form-urlencoded"

func TestReadRequestRefuses(t *testing.T) {
	t.Parallel()
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	for _, tt := range []struct {
		name, target, contentType, body string
		authorization                   []string
		status                          int
		code                            string
	}{
		{"no content type", "/", "", "grant_type=password", nil, 400, "invalid_request"},
		{"JSON", "/", "application/json", `{"grant_type":"password"}`, nil, 400, "invalid_request"},
		{"a multipart form", "/", "multipart/form-data; boundary=x", "--x--", nil, 400, "invalid_request"},
		{"a content type that is none", "/", "a/b/c", "grant_type=password", nil, 400, "invalid_request"},
		{"a repeated parameter", "/", formType, "username=a&username=b", nil, 400, "invalid_request"},
		{"a repeated parameter, once empty", "/", formType, "username=&username=b", nil, 400, "invalid_request"},
		{"a repeated parameter in two spellings", "/", formType, "scope=a&%73cope=b", nil, 400, "invalid_request"},
		{"a password in the query", "/?password=x", formType, "grant_type=password", nil, 400, "invalid_request"},
		{"a token in a broken query", "/?%zz&token=x", formType, "grant_type=password", nil, 400, "invalid_request"},
		{"a password in the query that is not encoded", "/?password=100%", formType, "grant_type=password", nil, 400, "invalid_request"},
		{"a password in the query with a semicolon", "/?password=a;b", formType, "grant_type=password", nil, 400, "invalid_request"},
		{"a grant type in the query", "/?grant_type=password", formType, "username=a", nil, 400, "invalid_request"},
		{"broken percent-encoding", "/", formType, "username=%zz", nil, 400, "invalid_request"},
		{"a semicolon between parameters", "/", formType, "username=a;password=b", nil, 400, "invalid_request"},
		{"two Authorization headers", "/", formType, "a=b", []string{basic("a:b"), basic("a:b")}, 400, "invalid_request"},
		{"Basic and a secret in the body", "/", formType, "client_id=a&client_secret=b", []string{basic("a:b")}, 400, "invalid_request"},
		{"Basic and another client_id in the body", "/", formType, "client_id=b", []string{basic("a:b")}, 400, "invalid_request"},
		{"a secret without a client", "/", formType, "client_secret=b", nil, 401, "invalid_client"},
		{"an empty Basic and a secret without a client", "/", formType, "client_secret=b", []string{basic(":")}, 401, "invalid_client"},
		{"another scheme", "/", formType, "a=b", []string{"Bearer abc"}, 401, "invalid_client"},
		{"Basic that is not Base64", "/", formType, "a=b", []string{"Basic !!!"}, 401, "invalid_client"},
		{"Basic without a colon", "/", formType, "a=b", []string{basic("abc")}, 401, "invalid_client"},
		{"Basic with a secret alone", "/", formType, "a=b", []string{basic(":secret")}, 401, "invalid_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, tt.target, nil)
			r.Header.Set("Content-Type", tt.contentType)
			r.Header["Authorization"] = tt.authorization
			_, err := provider.ReadRequest(r, []byte(tt.body))
			p := wantProblem(t, err, tt.status, tt.code)
			if p.Description == "" {
				t.Error("the problem does not say what is wrong")
			}
			if tried := len(tt.authorization) == 1; p.Status == 401 && p.Challenge != tried {
				t.Errorf("challenge is %v, want %v", p.Challenge, tried)
			}
		})
	}
}

func TestReadRequestAccepts(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct{ target, contentType, body string }{
		"a charset":                      {"/", formType + "; charset=utf-8", "grant_type=password"},
		"a content type in capitals":     {"/", "Application/X-WWW-Form-URLencoded", "grant_type=password"},
		"unknown parameters, repeated":   {"/?x=1&x=2", formType, "y=1&y=2&grant_type=password"},
		"resource and audience repeated": {"/", formType, "resource=a&resource=b&audience=c&audience=d"},
		"an empty body":                  {"/", formType, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequest(http.MethodPost, r.target, nil)
			req.Header.Set("Content-Type", r.contentType)
			if _, err := provider.ReadRequest(req, []byte(r.body)); err != nil {
				t.Errorf("got %v, want no error", err)
			}
		})
	}
}

func TestARequestDoesNotPrintItsSecrets(t *testing.T) {
	t.Parallel()
	r := request(t, values("password", "hunter2hunter2"), "api", "s3cr3t")
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, r); strings.Contains(got, "hunter2") || strings.Contains(got, "s3cr3t") {
			t.Errorf("%s prints %s", format, got)
		}
	}
	if got := r.LogValue().String(); got != "REDACTED" {
		t.Errorf("logs as %q, want REDACTED", got)
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add("/token", formType, "grant_type=password&username=a&password=b", "")
	f.Add("/token?token=1", formType, "scope=&scope=a", "Basic Og==")
	f.Add("/", formType+"; charset=utf-8", "%00=%ff&client_id=%2B", "Basic YTpi")
	f.Fuzz(func(t *testing.T, target, contentType, body, authorization string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		_, r.URL.RawQuery, _ = strings.Cut(target, "?")
		r.Header.Set("Content-Type", contentType)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		parsed, err := provider.ReadRequest(r, []byte(body))
		if err == nil {
			if parsed == nil {
				t.Fatal("no request and no error")
			}
			return
		}
		var p *provider.Problem
		if !errors.As(err, &p) || p.Status < 400 || p.Status > 499 || p.Code == "" || p.Description == "" {
			t.Fatalf("got %#v, want a problem with status 4xx, code and description", err)
		}
	})
}

func FuzzBasic(f *testing.F) {
	for _, s := range []string{"Basic Og==", "basic YTpi", "Basic", "Basic  YTpi ", "Basic YTolMjU=", "Bearer x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", formType)
		r.Header["Authorization"] = []string{header}
		_, err := provider.ReadRequest(r, []byte("grant_type=password"))
		var p *provider.Problem
		if err != nil && (!errors.As(err, &p) || p.Status != 401 || !p.Challenge) {
			t.Fatalf("%q: got %v, want a 401 with a challenge", header, err)
		}
	})
}
