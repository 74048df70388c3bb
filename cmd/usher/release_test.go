package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// previousRelease is built once for all tests that need it.
var previousRelease = struct {
	once    sync.Once
	program string
	skip    string
	err     error
}{}

// previous returns the program of the release in testdata/previous-release, built
// from the history of this repository.
func previous(t *testing.T) string {
	t.Helper()
	p := &previousRelease
	p.once.Do(func() {
		if out, err := exec.Command("git", "rev-parse", "--is-shallow-repository").Output(); err != nil || strings.TrimSpace(string(out)) != "false" {
			p.skip = "the previous release is built from the history of the repository, which is not here: git fetch --unshallow"
			return
		}
		p.program, p.err = buildPrevious()
	})
	if p.skip != "" {
		t.Skip(p.skip)
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.program
}

// buildPrevious leaves the program in the folder that the tests' own usher is in,
// which goes with it.
func buildPrevious() (string, error) {
	record, err := os.ReadFile("testdata/previous-release")
	if err != nil {
		return "", err
	}
	version, commit, ok := strings.Cut(strings.TrimSpace(string(record)), " ")
	if !ok {
		return "", fmt.Errorf("testdata/previous-release: got %q, want VERSION COMMIT", record)
	}
	self, err := exec.LookPath("usher")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(self), "usher-"+version)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "usher-"+version)
	build := exec.Command("sh", "-ec", `git -C "$1" archive "$2" | tar -x -C "$3"; cd "$3"; go build -race="$5" -o "$4" ./cmd/usher`,
		"sh", "../..", commit, dir, program, raceDetector())
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building release %s: %w\n%s", version, err, out)
	}
	return program, nil
}

// raceDetector is whether this binary has it: what is compiled for the one is there
// for the other.
func raceDetector() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" {
				return s.Value
			}
		}
	}
	return "false"
}

// An upgrade node by node, and the way back: the previous release and this one serve
// one database at once, and nobody outside notices.
func TestThePreviousReleaseBesideThisOne(t *testing.T) {
	t.Parallel()
	old := previous(t)
	at := onPostgres(t, postgrestest.Schema(t))
	before := at
	before.program = old
	secret := furnishDurably(t, before)
	nodes, addresses := make([]*testServer, 3), make([]string, 3)
	start := func(at site, i int) {
		t.Helper()
		nodes[i] = startServerAt(t, at, append(durable[:len(durable):len(durable)], "--trusted-proxies", "127.0.0.1/32", "--addr", addresses[i])...)
	}
	for i := range nodes {
		addresses[i] = freeAddress(t)
		start(before, i)
	}
	proxy := startHAProxy(t, addresses)

	var answered atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() { useEverything(proxy, secret, &answered, stop) })
	}
	replace := func(at site, i int) {
		t.Helper()
		if got := nodes[i].Stop(); got != 0 {
			t.Errorf("node %d: got exit status %d", i, got)
		}
		start(at, i)
		want := answered.Load() + 30
		eventually(t, "requests are answered", func() (bool, string) {
			got := answered.Load()
			return got >= want || t.Failed(), fmt.Sprint(got)
		})
	}
	for range rounds(t, 1) {
		replace(at, 0)
		understandEachOther(t, nodes[0], nodes[1])
		understandEachOther(t, nodes[1], nodes[0])
		replace(at, 1)
		replace(at, 2)
		for i := range nodes {
			replace(before, i)
		}
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests answered over the upgrade of three nodes and the way back, none refused", answered.Load())
}

// understandEachOther demands that what one server does is so at the other.
func understandEachOther(t *testing.T, one, other *testServer) {
	t.Helper()
	login := one.login("web", "ann", annsPassword)
	used := login.RefreshToken
	status, body := other.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {used}})
	if status != http.StatusOK {
		t.Fatalf("refreshing at the other: got %d %s", status, body)
	}
	decode(t, body, &login)
	for _, s := range []*testServer{one, other} {
		if status, body := s.get(s.URL+"/users/me", login.AccessToken); status != http.StatusOK {
			t.Errorf("/users/me: got %d %s", status, body)
		}
	}
	if status, body := other.post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {login.RefreshToken}}); status != http.StatusOK {
		t.Fatalf("revoking at the other: got %d %s", status, body)
	}
	eventually(t, "the revocation is known", func() (bool, string) {
		status, body := one.get(one.URL+"/users/me", login.AccessToken)
		return status == http.StatusUnauthorized, body
	})
	for _, token := range []string{used, login.RefreshToken} {
		if status, body := one.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}); status != http.StatusBadRequest {
			t.Errorf("a refresh token of the ended session: got %d %s", status, body)
		}
	}
	one.usherStdin(annsPassword+"\n", "user", "add", "bea", "--password-stdin")
	other.login("web", "bea", annsPassword)
	one.usher("user", "disable", "bea")
	if status, body := other.post("/token", "", "", url.Values{"grant_type": {"password"}, "username": {"bea"}, "password": {annsPassword}, "client_id": {"web"}}); status != http.StatusBadRequest {
		t.Errorf("the login of a user who is disabled: got %d %s", status, body)
	}
	other.usher("user", "remove", "bea")
}

// The embedded database goes to this release and back with all that is in it.
func TestThePreviousReleaseOnOneFile(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	before := site{dir: at.dir, program: previous(t)}
	s := startServerAt(t, before, durable...)
	s.furnish()
	login := s.login("web", "ann", annsPassword)
	for _, next := range []site{at, before} {
		if got := s.Stop(); got != 0 {
			t.Errorf("got exit status %d", got)
		}
		s = startServerAt(t, next, durable...)
		if status, body := s.get(s.URL+"/users/me", login.AccessToken); status != http.StatusOK {
			t.Errorf("/users/me: got %d %s", status, body)
		}
		status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.RefreshToken}})
		if status != http.StatusOK {
			t.Fatalf("refreshing: got %d %s", status, body)
		}
		decode(t, body, &login)
	}
}
