package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// Three nodes on one database, of machines whose clocks are right, 30 s fast and 30 s
// slow: they agree on when a token expires and on how long a lost answer may be asked
// for again.
func TestSoakNodesWhoseClocksAreOff(t *testing.T) {
	t.Parallel()
	if os.Getenv("USHER_SOAK_ROUNDS") == "" {
		t.Skip("compiles all of usher anew: runs in a soak")
	}
	const ttl, grace = 6 * time.Second, 3 * time.Second
	at := onPostgres(t, postgrestest.Schema(t))
	at.program = buildShifted(t)
	shifted := func(seconds string) site {
		return site{dir: at.dir, program: at.program, env: append(at.env[:len(at.env):len(at.env)], "USHER_TEST_CLOCK="+seconds)}
	}
	secret := furnishDurably(t, shifted("30")) // the first key is made by a fast clock
	var nodes []*testServer
	for _, seconds := range []string{"0", "30", "-30"} {
		nodes = append(nodes, startServerAt(t, shifted(seconds), "serve", "--default-client", "web", "--issuer", "http://localhost",
			"--access-token-ttl", ttl.String(), "--refresh-grace", grace.String()))
	}
	refresh := func(node *testServer, token string) (int, tokens) {
		status, body := node.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		var answer tokens
		if status == http.StatusOK {
			decode(t, body, &answer)
		}
		return status, answer
	}
	for i, issuing := range nodes {
		start := time.Now()
		login := issuing.login("web", "ann", annsPassword)
		for _, n := range nodes {
			n.wants(http.StatusOK, login.AccessToken, "at once")
			if _, body := n.post("/introspect", "rs", secret, url.Values{"token": {login.AccessToken}}); !strings.Contains(body, `"active":true`) {
				t.Errorf("introspection at once: got %s, want it active", body)
			}
		}
		_, first := refresh(issuing, login.RefreshToken)
		used := time.Now()
		for _, n := range nodes {
			if status, again := refresh(n, login.RefreshToken); status != http.StatusOK || again != first {
				t.Errorf("a retry after %v: got %d, want the same answer again", time.Since(used), status)
			}
		}
		// iat is in whole seconds: the life of a token may be up to one shorter.
		const early, late = ttl - time.Second - 100*time.Millisecond, ttl + time.Second
		for _, n := range nodes {
			eventually(t, "the token expires", func() (bool, string) {
				status, body := n.get(n.URL+"/users/me", login.AccessToken)
				return status == http.StatusUnauthorized, body
			})
			if lived := time.Since(start); lived < early || lived > late {
				t.Errorf("node %d refuses a token of node %d after %v, want after %v", slices.Index(nodes, n), i, lived, ttl)
			}
		}
		other := nodes[(i+1)%len(nodes)]
		if status, _ := refresh(other, login.RefreshToken); status != http.StatusBadRequest {
			t.Errorf("a retry after %v: got %d, want 400", time.Since(used), status)
		}
	}
	leaked := nodes[0].login("web", "ann", annsPassword)
	nodes[1].usher("key", "rotate", "--now") // by a fast clock
	for _, n := range nodes {
		eventually(t, "the old key is void", func() (bool, string) {
			status, body := n.get(n.URL+"/users/me", leaked.AccessToken)
			return status == http.StatusUnauthorized, body
		})
		fresh := n.login("web", "ann", annsPassword)
		for _, other := range nodes {
			other.wants(http.StatusOK, fresh.AccessToken, "signed by the new key")
		}
	}
}

// buildShifted compiles usher with a standard library whose wall clock is off by the
// seconds that USHER_TEST_CLOCK names. A program's own clock can't be moved in another
// way: Go asks the kernel for the time itself, and its namespaces leave that clock out.
func buildShifted(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(library, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	renamed := strings.Replace(string(text), "\nfunc Now() Time {\n", "\nfunc trueNow() Time {\n", 1)
	if renamed == string(text) {
		t.Fatal("time.Now is not where it was: adapt this test to the new Go")
	}
	const now = `package time

import "syscall"

var shift = func() (seconds int64) {
	text, _ := syscall.Getenv("USHER_TEST_CLOCK")
	for _, c := range text {
		if c != '-' {
			seconds = seconds*10 + int64(c-'0')
		}
	}
	if len(text) > 0 && text[0] == '-' {
		return -seconds
	}
	return seconds
}()

// Now is the time of a clock that is off. Its monotonic reading is not.
func Now() Time {
	t := trueNow()
	t.wall += uint64(shift << nsecShift)
	return t
}
`
	dir := t.TempDir()
	replace := make(map[string]string)
	for name, text := range map[string]string{"time.go": renamed, "shifted.go": now} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(library, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "usher")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
