package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newServer starts a server with the user ann and the default client web.
func newServer(t *testing.T, args ...string) *testServer {
	t.Helper()
	s := startServer(t, append([]string{"serve", "--default-client", "web"}, args...)...)
	s.furnish()
	return s
}

// furnish adds the user ann and the public client web.
func (s *testServer) furnish() {
	s.t.Helper()
	s.usherStdin(annsPassword+"\n", "user", "add", "ann", "--password-stdin")
	s.usher("client", "add", "web", "--public", "--grants", "password,refresh_token")
}

const annsPassword = "correct horse battery staple"

// wants demands the status of GET /users/me with a token.
func (s *testServer) wants(status int, token, when string) {
	s.t.Helper()
	if got, body := s.get(s.URL+"/users/me", token); got != status {
		s.t.Errorf("%s: got %d %s, want %d", when, got, body, status)
	}
}

func TestServeFollowsTheAddressListenedOn(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve", "--log-level", "error", "--log-format", "json")
	var metadata struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
	}
	_, body := s.get(s.URL+"/.well-known/oauth-authorization-server", "")
	decode(t, body, &metadata)
	if metadata.Issuer != s.URL || metadata.Token != s.URL+"/token" {
		t.Errorf("got %+v, want the issuer %s", metadata, s.URL)
	}
	if strings.HasSuffix(s.URL, ":0") || !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Errorf("got the base URL %s", s.URL)
	}
	if got := strings.Count(s.Logs(), "\n"); got != 1 {
		t.Errorf("got the log\n%s\nwant the listening line alone", s.Logs())
	}
}

func TestServeHasAnAddressForOperators(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve")
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/"} {
		if status, _ := s.get(s.AdminURL+path, ""); status != http.StatusOK {
			t.Errorf("%s: got %d at the admin address, want 200", path, status)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if status, _ := s.get(s.URL+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: got %d at the public address, want 404", path, status)
		}
	}
	if got := s.usher("healthcheck", "--url", s.URL); got != "ready\n" {
		t.Errorf("healthcheck: got %q", got)
	}
	s.usher("healthcheck", "--addr", strings.TrimPrefix(s.AdminURL, "http://"))

	if off := startServer(t, "serve", "--admin-addr", ""); off.AdminURL != "" {
		t.Errorf("got the admin address %s, want none", off.AdminURL)
	}
}

func TestServeSaysWhichAddressIsTaken(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve")
	for flag, taken := range map[string]string{"--addr": s.URL, "--admin-addr": s.AdminURL} {
		addr := strings.TrimPrefix(taken, "http://")
		out, err := s.command("serve", flag, addr).CombinedOutput()
		want := fmt.Sprintf("usher: %s is in use by another process: choose another address with %s", addr, flag)
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s %s: got %v %s, want %s", flag, addr, err, out, want)
		}
	}
}

func TestCommandsWorkBesideARunningServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login("", "ann", annsPassword)
	s.wants(200, login.AccessToken, "after the login")

	s.usher("user", "disable", "ann")
	s.wants(401, login.AccessToken, "after user disable")
	s.usher("user", "enable", "ann")
	s.wants(401, login.AccessToken, "after user enable")

	login = s.login("web", "Ann", annsPassword)
	s.usher("token", "revoke", "--user", "ann")
	s.wants(401, login.AccessToken, "after token revoke --user")
	login = s.login("", "ann", annsPassword)
	s.usher("token", "revoke", "--client", "web")
	s.wants(401, login.AccessToken, "after token revoke --client")

	login = s.login("", "ann", annsPassword)
	s.usherStdin("another password", "user", "set-password", "ann", "--password-stdin")
	s.wants(401, login.AccessToken, "after user set-password")
	login = s.login("", "ann", "another password")

	secret := strings.TrimSpace(s.usher("client", "add", "api", "--grants", "client_credentials"))
	form := url.Values{"grant_type": {"client_credentials"}}
	if status, body := s.post("/token", "api", secret, form); status != 200 {
		t.Errorf("the generated secret: got %d %s", status, body)
	}
	next := strings.TrimSpace(s.usher("client", "rotate-secret", "api", "--keep-old", "1h"))
	for _, secret := range []string{secret, next} {
		if status, body := s.post("/token", "api", secret, form); status != 200 {
			t.Errorf("secrets old and new: got %d %s", status, body)
		}
	}

	s.usher("key", "rotate")
	s.wants(200, login.AccessToken, "after key rotate")
	s.usher("key", "rotate", "--now")
	s.wants(401, login.AccessToken, "after key rotate --now")
	login = s.login("", "ann", "another password")
	s.usher("user", "remove", "ann")
	s.wants(401, login.AccessToken, "after user remove")
}

func TestRestartKeepsTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const issuer = "http://usher.localhost"
	first := startServerIn(t, dir, "serve", "--issuer", issuer)
	first.usherStdin(annsPassword, "user", "add", "ann", "--password-stdin")
	first.usher("client", "add", "web", "--public", "--grants", "password,refresh_token")
	login := first.login("web", "ann", annsPassword)
	if got := first.Stop(); got != 0 {
		t.Errorf("got exit status %d, want 0", got)
	}

	second := startServerIn(t, dir, "serve", "--issuer", issuer)
	second.wants(200, login.AccessToken, "after a restart")
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"web"}, "refresh_token": {login.RefreshToken}}
	if status, body := second.post("/token", "", "", form); status != 200 {
		t.Errorf("refresh after a restart: got %d %s", status, body)
	}
	// A power cut: nothing gets the chance to tidy up.
	second.Kill()
	third := startServerIn(t, dir, "serve", "--issuer", issuer)
	third.wants(200, login.AccessToken, "after a crash")
}

// halfRequest is a POST /token whose body is still on its way.
type halfRequest struct {
	net.Conn
	rest string
}

func (s *testServer) halfRequest() *halfRequest {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	body := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}.Encode()
	// Expect makes the server say when it has begun to read the body.
	fmt.Fprintf(conn, "POST /token HTTP/1.1\r\nHost: usher\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", len(body))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		s.t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	return &halfRequest{conn, body}
}

// finish sends the rest and returns the status of the answer.
func (h *halfRequest) finish(t *testing.T) int {
	t.Helper()
	if _, err := h.Write([]byte(h.rest)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(h)
	if b, err := r.Peek(2); err == nil && string(b) == "\r\n" {
		r.Discard(2) // the end of 100 Continue
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// stopping waits until the server has begun to stop.
func (s *testServer) stopping() {
	s.t.Helper()
	eventually(s.t, "readiness turns 503", func() (bool, string) {
		status, body := s.get(s.AdminURL+"/readyz", "")
		return status == http.StatusServiceUnavailable, body
	})
}

func TestStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	request := s.halfRequest()
	s.Signal(syscall.SIGTERM)
	s.stopping()
	if got := request.finish(t); got != 200 {
		t.Errorf("the request in flight: got %d, want 200", got)
	}
	if got := s.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0", got)
	}
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--shutdown-timeout", "100ms")
	s.halfRequest()
	s.Signal(os.Interrupt.(syscall.Signal))
	if got := s.Wait(); got != 1 || !strings.Contains(s.Logs(), "usher: requests in flight were cut off") {
		t.Errorf("got exit status %d, want 1 and the reason", got)
	}
}

func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--shutdown-timeout", "10m")
	s.halfRequest()
	s.Signal(syscall.SIGTERM)
	s.stopping()
	s.Signal(syscall.SIGTERM)
	s.Wait()
	if status := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("got %v, want an end by signal", s.cmd.ProcessState)
	}
}

func TestServeChecksTheDefaultClient(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve", "--default-client", "web")
	if !strings.Contains(s.Logs(), "usher client add web --public") {
		t.Errorf("got no warning:\n%s", s.Logs())
	}
	s.usher("client", "add", "web", "--grants", "password")
	out, err := s.command("serve", "--default-client", "web").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "usher: --default-client web: it has a secret") {
		t.Errorf("a confidential default client: got %v %s, want a refusal", err, out)
	}
}

func TestServeWarnsOfAnIssuerNobodyElseCanReach(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve", "--addr", ":0")
	if !strings.Contains(s.Logs(), "--issuer") {
		t.Errorf("got no warning:\n%s", s.Logs())
	}
	if status, _ := s.get(s.URL+"/readyz", ""); status != 200 {
		t.Errorf("got %d at %s, want 200", status, s.URL)
	}
}
