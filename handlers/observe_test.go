package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func panicking(context.Context) error { panic("a fault of ours") }

func TestEveryAnswerHasARequestIDThatTheLogHasToo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seen := map[string]bool{}
	for _, target := range []string{"/healthz", "/nothing", "/token", "/users/me", "/.well-known/jwks.json"} {
		w := s.ask("GET", target, "", "X-Request-Id: chosen-by-the-client")
		id := w.Header().Get("X-Request-Id")
		if len(id) < 16 || id == "chosen-by-the-client" || seen[id] {
			t.Errorf("%s: X-Request-Id: got %q, want a new one of 16 or more characters", target, id)
		}
		seen[id] = true
		if got := s.log.last(t, "request")["request_id"]; got != id {
			t.Errorf("%s: request_id in the log: got %v, want %s", target, got, id)
		}
	}
}

func TestTheLogLineSaysWhatHappenedAndNoSecret(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access := s.login("ann").Access
	for _, tt := range []struct {
		name   string
		do     func() *httptest.ResponseRecorder
		method string
		route  string
		level  string
	}{
		{"a login", func() *httptest.ResponseRecorder {
			return s.post("/token", "grant_type", "password", "username", "ann", "password", password)
		}, "POST", "/token", "INFO"},
		{"a token in the query", func() *httptest.ResponseRecorder { return s.ask("GET", "/users/me?access_token="+access, "") }, "GET", "/users/me", "INFO"},
		{"a token in the path", func() *httptest.ResponseRecorder { return s.ask("GET", "/users/"+access, "") }, "GET", "", "INFO"},
		{"another method", func() *httptest.ResponseRecorder { return s.ask("DELETE", "/token", "") }, "DELETE", "/token", "INFO"},
		{"health", func() *httptest.ResponseRecorder { return s.ask("GET", "/healthz", "") }, "GET", "/healthz", "DEBUG"},
		{"metrics", func() *httptest.ResponseRecorder { return ask(t, s.admin, "GET", "/metrics", "") }, "GET", "/metrics", "DEBUG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.do()
			line := s.log.last(t, "request")
			if line["method"] != tt.method || line["route"] != tt.route || line["level"] != tt.level {
				t.Errorf("got %v, want %s %q at %s", line, tt.method, tt.route, tt.level)
			}
			if line["status"] != float64(w.Code) || line["bytes"] != float64(w.Body.Len()) || line["remote"] != "192.0.2.1" {
				t.Errorf("got %v, want status %d, %d bytes, remote 192.0.2.1", line, w.Code, w.Body.Len())
			}
			if ms, ok := line["ms"].(float64); !ok || ms < 0 {
				t.Errorf("ms: got %v, want a time", line["ms"])
			}
		})
	}
	for _, secret := range []string{access, password, "correct+horse"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log contains %q:\n%s", secret, s.log)
		}
	}
}

func TestTheRemoteAddressIsTheLastOneThatIsNotATrustedProxy(t *testing.T) {
	t.Parallel()
	trusted := newServer(t, func(c *settings) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	untrusting := newServer(t)
	for _, tt := range []struct {
		name    string
		s       *testServer
		peer    string
		headers []string
		want    string
	}{
		{"no proxy", trusted, "198.51.100.7:4000", nil, "198.51.100.7"},
		{"a client that claims to be a proxy", trusted, "198.51.100.7:4000", []string{"X-Forwarded-For: 1.2.3.4"}, "198.51.100.7"},
		{"no trusted proxies", untrusting, "10.0.0.1:4000", []string{"X-Forwarded-For: 1.2.3.4"}, "10.0.0.1"},
		{"one proxy", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		{"two proxies", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"what a client forged", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 1.2.3.4, 198.51.100.7"}, "198.51.100.7"},
		{"several header lines", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 10.0.0.2"}, "198.51.100.7"},
		{"a proxy's own request", trusted, "10.0.0.1:4000", nil, "10.0.0.1"},
		{"proxies only", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"nonsense left of a proxy", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", trusted, "10.0.0.1:4000", []string{"X-Forwarded-For: 198.51.100.7:5000"}, "198.51.100.7"},
		{"IPv6", trusted, "[fd00::1]:4000", []string{"X-Forwarded-For: 2001:db8::7"}, "2001:db8::7"},
		{"IPv6 with a port", trusted, "[fd00::1]:4000", []string{"X-Forwarded-For: [2001:db8::7]:5000"}, "2001:db8::7"},
		{"IPv4 within IPv6", trusted, "[::ffff:10.0.0.1]:4000", []string{"X-Forwarded-For: ::ffff:198.51.100.7"}, "198.51.100.7"},
		{"a Unix socket", trusted, "@", nil, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "GET", "/healthz", "", tt.headers...)
			r.RemoteAddr = tt.peer
			serve(tt.s.public, r)
			if got := tt.s.log.last(t, "request")["remote"]; got != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestSecurityHeadersStandOnEveryAnswer(t *testing.T) {
	t.Parallel()
	secure := newServer(t)
	plain := newServer(t, func(c *settings) { c.Issuer = "http://127.0.0.1:8000" })
	for _, path := range []string{"/healthz", "/nothing", "/token", "/users/me", "/.well-known/jwks.json"} {
		w := secure.ask("GET", path, "")
		wantHeader(t, w, "X-Content-Type-Options", "nosniff")
		wantHeader(t, w, "Referrer-Policy", "no-referrer")
		wantHeader(t, w, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		wantHeader(t, w, "Strict-Transport-Security", "max-age=31536000")
		wantHeader(t, plain.ask("GET", path, ""), "Strict-Transport-Security", "")
	}
}

func TestAPanicIsAnsweredAndTheServerLives(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.Ready = panicking })
	w := s.ask("GET", "/readyz", "")
	wantProblem(t, w, http.StatusInternalServerError, "server_error")
	if strings.Contains(w.Body.String(), "a fault of ours") {
		t.Errorf("body: got %s, want nothing of the fault", w.Body)
	}
	line := s.log.last(t, "handler panicked")
	if line["panic"] != "a fault of ours" || line["request_id"] != w.Header().Get("X-Request-Id") {
		t.Errorf("log: got %v, want the fault and the request id", line)
	}
	if stack, ok := line["stack"].(string); !ok || !strings.Contains(stack, "panicking") {
		t.Errorf("stack: got %v, want the function that panicked in it", line["stack"])
	}
	if got := s.log.last(t, "request")["status"]; got != float64(500) {
		t.Errorf("status in the log: got %v, want 500", got)
	}
	if w := s.ask("GET", "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("afterwards: got %d, want 200", w.Code)
	}
}

func TestAnAbortPassesThrough(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.Ready = func(context.Context) error { panic(http.ErrAbortHandler) } })
	defer func() {
		err, ok := recover().(error)
		if !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v, want http.ErrAbortHandler", err)
		}
		if got := s.log.lines(t, "handler panicked"); len(got) > 0 {
			t.Errorf("log: got %v, want no panic", got)
		}
	}()
	s.ask("GET", "/readyz", "")
}

func TestAFaultIsToldToTheLogOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check(t, s.store.Close())
	w := s.post("/token", "grant_type", "password", "username", "ann", "password", password)
	wantProblem(t, w, http.StatusInternalServerError, "server_error")
	line := s.log.last(t, "request failed")
	cause, ok := line["err"].(string)
	if !ok || cause == "" || strings.Contains(w.Body.String(), cause) {
		t.Errorf("got %v in the log and %s in the answer, want the cause in the log only", line, w.Body)
	}
	if line["level"] != "ERROR" || line["route"] != "/token" || line["request_id"] != w.Header().Get("X-Request-Id") {
		t.Errorf("log: got %v, want route and request id at ERROR", line)
	}
}

func TestAClientThatLeavesIsNoFault(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newRequest(t, "POST", "/token", encode("grant_type", "password", "username", "ann", "password", password), form)
	serve(s.public, r.WithContext(ctx))
	if got := s.log.last(t, "request")["status"]; got != float64(499) {
		t.Errorf("status in the log: got %v, want 499", got)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("log: got an error, want none:\n%s", s.log)
	}
}

func TestATokenThatCantBeCheckedIsToldToTheLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := bearer(s.login("ann").Access)
	check(t, s.store.Close())
	w := s.ask("GET", "/protected", "", token)
	wantProblem(t, w, http.StatusServiceUnavailable, "temporarily_unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Error("Retry-After: got none")
	}
	if line := s.log.last(t, "access token could not be checked"); line["level"] != "ERROR" || line["err"] == "" {
		t.Errorf("log: got %v, want the cause", line)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var fault error
	s := newServer(t, func(c *settings) { c.Ready = func(context.Context) error { return fault } })
	for _, h := range []http.Handler{s.public, s.admin} {
		fault = nil
		if w := ask(t, h, "GET", "/readyz", ""); w.Code != 200 || w.Body.String() != `{"status":"ready"}` {
			t.Errorf("ready: got %d %s", w.Code, w.Body)
		}
		fault = errors.New("draining for a reason")
		if w := ask(t, h, "GET", "/readyz", ""); w.Code != 503 || w.Body.String() != `{"status":"unavailable"}` {
			t.Errorf("not ready: got %d %s", w.Code, w.Body)
		}
		if got := s.log.last(t, "not ready")["err"]; got != "draining for a reason" {
			t.Errorf("log: got %v, want the reason", got)
		}
		if w := ask(t, h, "GET", "/healthz", ""); w.Code != 200 || w.Body.String() != `{"status":"ok"}` {
			t.Errorf("alive: got %d %s", w.Code, w.Body)
		}
	}
}

func TestReadinessIsTheProvidersWhereNoOtherIsSet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if w := s.ask("GET", "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("got %d %s, want 200", w.Code, w.Body)
	}
	check(t, s.store.Close())
	if w := s.ask("GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database: got %d %s, want 503", w.Code, w.Body)
	}
}
