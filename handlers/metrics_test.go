package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetricsCountRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.login("ann")
	last := s.login("ann")
	s.ask("GET", "/users/me", "")
	s.post("/revoke", "client_id", "web", "token", last.Access)
	s.ask("GET", "/users/me", "", bearer(last.Access)) // the node looks at what it knows
	s.ask("GET", "/nothing/secret-path", "")
	s.ask("BREW", "/token", "")
	w := ask(t, s.admin, "GET", "/metrics", "")
	if w.Code != http.StatusOK {
		t.Fatalf("got %d %s, want 200", w.Code, w.Body)
	}
	for _, want := range []string{
		`usher_http_requests_total{method="POST",route="/token",status="2xx"} 2`,
		`usher_http_requests_total{method="GET",route="/users/me",status="4xx"} 2`,
		`usher_http_requests_total{method="GET",route="none",status="4xx"} 1`,
		`usher_http_requests_total{method="other",route="/token",status="4xx"} 1`,
		`usher_http_request_duration_seconds_count{method="POST",route="/token",status="2xx"} 2`,
		`usher_http_requests_in_flight 1`, // this one
		`usher_build_info{goversion="`,
		`version="v1.2.3"} 1`,
		`usher_hashing_waiting 0`,
		`usher_hashing_running 0`,
		`usher_hashing_done_total 4`, // two users made, two logins
		`usher_hashing_refused_total 0`,
		`usher_hashing_wait_seconds_count 4`,
		`usher_hashing_wait_seconds_bucket{le="10"} 4`,
		`usher_tokens_issued_total{client="web",grant="password"} 2`,
		`usher_refusals_total{error="missing_token"} 1`,
		`usher_refusals_total{error="invalid_token"} 1`,
		`usher_refusals_total{error="not_found"} 1`,
		`usher_refresh_token_reuse_total 0`,
		`usher_signing_keys{state="signing"} 1`,
		`usher_signing_keys{state="announced"} 0`,
		`usher_signing_key_next_step_timestamp_seconds{state="signing"} 0`,
		`usher_signing_key_since_timestamp_seconds{state="signing"} 1.`,
		`usher_revocations 1`,
		`usher_feed_age_seconds 0`,
		`usher_prune_lag_seconds 0`,
		`usher_pruned_rows_total 0`,
		`usher_database_connections_in_use `,
		`usher_database_connections_idle `,
		`usher_database_connection_waits_total 0`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no line %q", want)
		}
	}
	if strings.Contains(w.Body.String(), "secret-path") {
		t.Error("a path that a client chose became a label")
	}
}

// Two servers in one process share nothing, so neither fails to register.
func TestServersHaveMetricsOfTheirOwn(t *testing.T) {
	t.Parallel()
	one, other := newServer(t), newServer(t)
	one.login("ann")
	w := ask(t, other.admin, "GET", "/metrics", "")
	if strings.Contains(w.Body.String(), `route="/token"`) {
		t.Error("a request to one server is counted by another")
	}
}

func TestTheAdminAddressServesProfilesAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		w := ask(t, s.admin, "GET", path, "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: got %d, want a profile", path, w.Code)
		}
	}
	for _, path := range []string{"/token", "/users/me", "/.well-known/jwks.json"} {
		wantProblem(t, ask(t, s.admin, "GET", path, ""), http.StatusNotFound, "not_found")
	}
	w := ask(t, s.admin, "POST", "/debug/pprof/heap", "")
	wantProblem(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
	wantHeader(t, w, "Allow", "GET, HEAD")
}
