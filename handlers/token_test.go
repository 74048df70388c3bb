package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/provider"
)

func TestTokenAnswersWithTokensThatAreNotKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.post("/token", "grant_type", "password", "username", "ann", "password", password)
	got := decode[tokens](t, w)
	if got.Access == "" || got.Refresh == "" {
		t.Errorf("got %s, want an access and a refresh token", w.Body)
	}
	got.Access, got.Refresh = "", ""
	if diff := cmp.Diff(tokens{Type: "Bearer", Expires: 1800, Scope: "profile read"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Cache-Control", "no-store")
	wantHeader(t, w, "Pragma", "no-cache")
}

func TestProblemsOfTheProviderAreAnswered(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const basic = `Basic realm="usher", charset="UTF-8"`
	login := encode("grant_type", "password", "username", "ann", "password", password)
	for _, tt := range []struct {
		name      string
		target    string
		body      string
		headers   []string
		status    int
		code      string
		challenge string
	}{
		{"a wrong password", "/token", encode("grant_type", "password", "username", "ann", "password", "wrong"), []string{form}, 400, "invalid_grant", ""},
		{"no grant type", "/token", "username=ann", []string{form}, 400, "invalid_request", ""},
		{"another content type", "/token", login, []string{"Content-Type: text/plain"}, 400, "invalid_request", ""},
		{"a parameter in the query", "/token?grant_type=password", login, []string{form}, 400, "invalid_request", ""},
		{"an audience of any characters", "/token", login + "&audience=%22%5C%C3%BC%0A", []string{form}, 400, "invalid_target", ""},
		{"a form that can't be decoded", "/token", "grant_type=%zz", []string{form}, 400, "invalid_request", ""},
		{"wrong Basic credentials", "/token", login, []string{form, "Authorization: Basic YXBpOndyb25nLXdyb25nLXdyb25n"}, 401, "invalid_client", basic},
		{"wrong credentials in the body", "/token", login + "&client_id=api&client_secret=wrong-wrong-wrong", []string{form}, 401, "invalid_client", ""},
		{"introspection without a client", "/introspect", "token=x", []string{form}, 401, "invalid_client", ""},
		{"introspection with wrong Basic credentials", "/introspect", "token=x", []string{form, "Authorization: Basic YXBpOndyb25nLXdyb25nLXdyb25n"}, 401, "invalid_client", basic},
		{"revocation without a token", "/revoke", "", []string{form}, 400, "invalid_request", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := s.ask("POST", tt.target, tt.body, tt.headers...)
			wantProblem(t, w, tt.status, tt.code)
			wantHeader(t, w, "WWW-Authenticate", tt.challenge)
			wantHeader(t, w, "Pragma", "no-cache")
		})
	}
}

func TestIntrospectionAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.postAs("api", "/introspect", "token", s.login("ann").Access)
	got := decode[map[string]any](t, w)
	if got["active"] != true || got["username"] != "ann" {
		t.Errorf("got %s, want an active token of ann", w.Body)
	}
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Cache-Control", "no-store")

	if got := s.postAs("api", "/introspect", "token", "nonsense").Body.String(); got != `{"active":false}` {
		t.Errorf("nonsense: got %s, want exactly {\"active\":false}", got)
	}
}

func TestRevocationAnswersWithNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access := s.login("ann").Access
	for _, token := range []string{access, access, "nonsense"} {
		w := s.post("/revoke", "token", token, "client_id", "web")
		if w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("got %d %q, want 200 and nothing", w.Code, w.Body)
		}
		wantHeader(t, w, "Cache-Control", "no-store")
		wantHeader(t, w, "Pragma", "no-cache")
	}
	wantProblem(t, s.ask("GET", "/users/me", "", bearer(access)), http.StatusUnauthorized, "invalid_token")
}

func TestABodyMayFillTheLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := encode("grant_type", "password", "username", "ann", "password", password) + "&unknown="
	full := login + strings.Repeat("a", 64<<10-len(login))
	if w := s.ask("POST", "/token", full, form); w.Code != http.StatusOK {
		t.Errorf("64 KiB: got %d %s, want 200", w.Code, w.Body)
	}
}

func TestMoreLoginsThanCanBeHashedAreToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.pool = credentials.PoolConfig{Cost: 10, Workers: 1, Queue: 1} }) // slow enough for a crowd
	answers := make(chan *httptest.ResponseRecorder)
	const n = 50
	for range n {
		go func() {
			answers <- s.post("/token", "grant_type", "password", "username", "ann", "password", password)
		}()
	}
	refused := 0
	for range n {
		w := <-answers
		if w.Code == http.StatusOK {
			continue
		}
		refused++
		wantProblem(t, w, http.StatusServiceUnavailable, "temporarily_unavailable")
		if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("Retry-After: got %q, want whole seconds", w.Header().Get("Retry-After"))
		}
	}
	if refused == 0 || refused == n {
		t.Errorf("refused: got %d of %d, want some", refused, n)
	}
}

func TestRetryAfterIsWholeSecondsAndNeverTooEarly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, ""},
		{time.Nanosecond, "1"},
		{time.Second, "1"},
		{time.Second + time.Nanosecond, "2"},
		{90 * time.Second, "90"},
	} {
		w := httptest.NewRecorder()
		handlers.WriteProblem(w, &provider.Problem{Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", Description: "Too many failures.", RetryAfter: tt.after})
		if w.Code != http.StatusTooManyRequests {
			t.Errorf("got %d, want 429", w.Code)
		}
		wantHeader(t, w, "Retry-After", tt.want)
	}
}
