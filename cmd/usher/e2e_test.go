package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should take a moment: machines
// that run tests are busy.
const patience = 60 * time.Second

// testServer is a running usher process.
type testServer struct {
	URL      string // base URL of the public address
	AdminURL string // base URL of the admin address, empty where it is off
	Dir      string // working directory; its database is usher.db there, if no flag says otherwise

	t       testing.TB
	env     []string
	program string // another usher than the test binary
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process is gone

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// startServer starts `usher args...`, where args begin with serve or demo, and
// returns once it listens. It picks free ports and hashes cheaply; flags in args
// win over that. The process is killed at the end of the test.
func startServer(t testing.TB, args ...string) *testServer {
	t.Helper()
	return startServerIn(t, t.TempDir(), args...)
}

// site is where servers of one installation run: a folder, and the variables that
// name a database other than the one there.
type site struct {
	dir     string
	env     []string
	program string // another usher than the test binary
}

// startServerIn is startServer in a folder that outlives the server.
func startServerIn(t testing.TB, dir string, args ...string) *testServer {
	t.Helper()
	return startServerAt(t, site{dir: dir}, args...)
}

func startServerAt(t testing.TB, at site, args ...string) *testServer {
	t.Helper()
	s := &testServer{Dir: at.dir, env: at.env, program: at.program, t: t, exited: make(chan struct{})}
	s.cmd = s.command(args...)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	var read sync.WaitGroup
	read.Go(func() { s.follow(stdout, &s.stdout, nil) })
	read.Go(func() { s.follow(stderr, &s.stderr, listening) })
	go func() {
		read.Wait()
		s.cmd.Wait() // the exit status stays in s.cmd.ProcessState
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("log of usher %s:\n%s", strings.Join(args, " "), s.Logs())
		}
	})
	select {
	case s.URL = <-listening:
	case <-s.exited:
		t.Fatalf("usher %s ended with %v:\n%s", strings.Join(args, " "), s.cmd.ProcessState, s.Logs())
	case <-time.After(patience):
		t.Fatalf("usher %s does not listen:\n%s", strings.Join(args, " "), s.Logs())
	}
	if m := adminAddress.FindStringSubmatch(s.Logs()); m != nil {
		s.AdminURL = m[1]
	}
	return s
}

var (
	listeningLine = regexp.MustCompile(`\blistening\b.*\burl"?[=:]"?(https?://[^\s"]+)`)
	adminAddress  = regexp.MustCompile(`\badmin"?[=:]"?(https?://[^\s"]+)`)
)

// follow keeps what the process writes, and sends the URL of the listening line.
func (s *testServer) follow(r io.Reader, kept *bytes.Buffer, listening chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		s.mu.Lock()
		kept.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if m := listeningLine.FindStringSubmatch(lines.Text()); m != nil && listening != nil {
			listening <- m[1]
			listening = nil
		}
	}
}

// command is usher with the surroundings of the server.
func (s *testServer) command(args ...string) *exec.Cmd {
	cmd := exec.Command(cmp.Or(s.program, "usher"), args...)
	cmd.Dir = s.Dir
	// The demo's temporary folder goes with the rest when a killed one leaves it.
	cmd.Env = append(os.Environ(), "USHER_ADDR=127.0.0.1:0", "USHER_ADMIN_ADDR=127.0.0.1:0", "TMPDIR="+s.Dir)
	cmd.Env = append(append(cmd.Env, quick...), s.env...)
	return cmd
}

// usher runs another command beside the server, on the same database, and
// returns what it printed.
func (s *testServer) usher(args ...string) string {
	s.t.Helper()
	return s.usherStdin("", args...)
}

// usherStdin is usher with something on standard input.
func (s *testServer) usherStdin(stdin string, args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("usher %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

// Logs is what the process has written to standard error so far.
func (s *testServer) Logs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// Stdout is what the process has written to standard output so far.
func (s *testServer) Stdout() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdout.String()
}

// Signal sends the process a signal.
func (s *testServer) Signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Wait waits until the process has ended and returns its exit status, -1 where
// a signal ended it.
func (s *testServer) Wait() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatalf("usher does not end:\n%s", s.Logs())
	}
	return s.cmd.ProcessState.ExitCode()
}

// Stop asks the process to stop and returns its exit status.
func (s *testServer) Stop() int {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Kill ends the process as a power cut would. Killing twice does no harm.
func (s *testServer) Kill() {
	s.cmd.Process.Kill() // fails only where it has ended
	<-s.exited
}

// get returns the status and body of a GET, with a bearer token unless empty.
func (s *testServer) get(url, token string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(req)
}

// post returns the status and body of a POST of a form to a path of the public
// address, with HTTP Basic unless client is empty.
func (s *testServer) post(path, client, secret string, form url.Values) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		req.SetBasicAuth(client, secret)
	}
	return s.do(req)
}

func (s *testServer) do(req *http.Request) (int, string) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// tokens is an answer of /token.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
}

// login logs a user in at a public client and demands that it works.
func (s *testServer) login(client, username, password string) tokens {
	s.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}}
	if client != "" {
		form.Set("client_id", client)
	}
	status, body := s.post("/token", "", "", form)
	if status != http.StatusOK {
		s.t.Fatalf("login of %s: got %d %s", username, status, body)
	}
	var answer tokens
	decode(s.t, body, &answer)
	return answer
}

// decode reads JSON.
func decode(t testing.TB, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("reading %q as JSON: %v", text, err)
	}
}

// eventually polls until ok, which returns what it saw, is content.
func eventually(t testing.TB, what string, ok func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		done, saw := ok()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: still not after %s, saw %s", what, patience, saw)
		}
	}
}
