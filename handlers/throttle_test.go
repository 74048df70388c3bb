package handlers_test

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/storage"
)

// guess tries a password of ann's from a peer.
func (s *testServer) guess(peer, word string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := newRequest(s.t, "POST", "/token", encode("grant_type", "password", "username", "ann", "password", word), append(headers, form)...)
	r.RemoteAddr = peer
	return serve(s.public, r)
}

func TestTooManyGuessesAre429(t *testing.T) {
	t.Parallel()
	s := newServer(t, still)
	const peer = "198.51.100.7:4000"
	for i := range storage.FreeGuesses {
		wantProblem(t, s.guess(peer, fmt.Sprint("guess ", i)), 400, "invalid_grant")
	}
	w := s.guess(peer, password)
	wantProblem(t, w, 429, "temporarily_unavailable")
	wantHeader(t, w, "Retry-After", "1")
	metrics := ask(t, s.admin, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`usher_throttled_total{limit="delay"} 1`, `usher_throttled_total{limit="repeats"} 0`, `usher_throttled_total{limit="account"} 0`,
		`usher_throttled_total{limit="network"} 0`, `usher_throttled_total{limit="home"} 0`, `usher_throttled_total{limit="client"} 0`, `usher_throttled_total{limit="client_network"} 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

// Whoever could name the network could have as many as there are addresses.
func TestAPeerThatIsNoTrustedProxyNamesNoNetwork(t *testing.T) {
	t.Parallel()
	s := newServer(t, still, func(c *settings) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for i := range storage.FreeGuesses {
		w := s.guess("198.51.100.7:4000", fmt.Sprint("guess ", i), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i))
		wantProblem(t, w, 400, "invalid_grant")
	}
	wantProblem(t, s.guess("198.51.100.7:4000", "another", "X-Forwarded-For: 203.0.113.99"), 429, "temporarily_unavailable")
	wantProblem(t, s.guess("[::ffff:198.51.100.7]:4000", "another", "X-Forwarded-For: 203.0.113.99"), 429, "temporarily_unavailable")
	// Nor does what is written left of the address that the proxy saw.
	wantProblem(t, s.guess("10.0.0.1:4000", "another", "X-Forwarded-For: 203.0.113.99, 198.51.100.7"), 429, "temporarily_unavailable")
	if w := s.guess("10.0.0.1:4000", password, "X-Forwarded-For: 198.51.100.7, 203.0.113.99"); w.Code != 200 {
		t.Errorf("somebody else behind the proxy: got %d %s, want a token", w.Code, w.Body)
	}
}

func TestEveryEndpointOfClientsIsThrottled(t *testing.T) {
	t.Parallel()
	s := newServer(t, still)
	for i, path := range []string{"/token", "/introspect", "/revoke"} {
		peer := fmt.Sprintf("198.51.100.%d:4000", i)
		ask := func(secret string) *httptest.ResponseRecorder {
			r := newRequest(t, "POST", path, encode("grant_type", "client_credentials", "token", "x"), form)
			r.SetBasicAuth("job", secret)
			r.RemoteAddr = peer
			return serve(s.public, r)
		}
		for range 50 {
			wantProblem(t, ask("wrong"), 401, "invalid_client")
		}
		w := ask("wrong")
		wantProblem(t, w, 429, "temporarily_unavailable")
		wantHeader(t, w, "Retry-After", "72")
		if w := ask(s.secrets["job"]); w.Code != 200 {
			t.Errorf("%s: got %d %s, want 200 for the right secret", path, w.Code, w.Body)
		}
	}
}

func TestAWrongCurrentPasswordIsThrottled(t *testing.T) {
	t.Parallel()
	s := newServer(t, still)
	token := bearer(s.login("ann").Access)
	change := func(current string) *httptest.ResponseRecorder {
		return s.ask("PUT", "/users/me/password", encode("current_password", current, "new_password", "another horse"), form, token)
	}
	for i := range storage.FreeGuesses {
		wantProblem(t, change(fmt.Sprint("guess ", i)), 403, "access_denied")
	}
	w := change(password)
	wantProblem(t, w, 429, "temporarily_unavailable")
	wantHeader(t, w, "Retry-After", "1")
}

func TestANewPasswordMustNotBeGuessable(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addUser("annabella", "profile")
	token := bearer(s.login("annabella").Access)
	for _, word := range []string{"Password1", "AnnaBella", "annabella@example.com"} {
		w := s.ask("PUT", "/users/me/password", encode("current_password", password, "new_password", word), form, token)
		wantProblem(t, w, 400, "invalid_request")
		if !strings.Contains(w.Body.String(), "choose another") || strings.Contains(w.Body.String(), word) {
			t.Errorf("%s: got %s, want what to do, and not the password", word, w.Body)
		}
	}
}
