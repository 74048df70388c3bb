package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// Three nodes behind the proxy of the example, restarted one after the other under
// load: nobody outside notices.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	at := onPostgres(t, postgrestest.Schema(t))
	secret := furnishDurably(t, at)
	nodes, addresses := make([]*testServer, 3), make([]string, 3)
	start := func(i int) { nodes[i] = startServerAt(t, at, append(durable, "--addr", addresses[i])...) }
	for i := range nodes {
		addresses[i] = freeAddress(t)
		start(i)
	}
	proxy := startProxy(t, addresses)

	var answered atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() { useEverything(proxy, secret, &answered, stop) })
	}
	more := func(n int64) {
		t.Helper()
		want := answered.Load() + n
		eventually(t, "requests are answered", func() (bool, string) {
			got := answered.Load()
			return got >= want || t.Failed(), fmt.Sprint(got)
		})
	}
	more(50)
	for range rounds(t, 1) {
		for i := range nodes {
			if got := nodes[i].Stop(); got != 0 {
				t.Errorf("node %d: got exit status %d", i, got)
			}
			more(50)
			start(i)
			more(50)
		}
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests answered over the restarts of three nodes, none refused", answered.Load())
}

// useEverything is one client that logs in, refreshes, calls, introspects and logs
// out until stop.
func useEverything(s *testServer, secret string, answered *atomic.Int64, stop <-chan struct{}) {
	want := func(what string, want, status int, body string) {
		if status != want {
			s.t.Errorf("%s: got %d %s, want %d", what, status, body, want)
		}
		answered.Add(1)
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		login := s.login("web", "ann", annsPassword)
		status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.RefreshToken}})
		want("refresh", http.StatusOK, status, body)
		if status != http.StatusOK {
			return
		}
		decode(s.t, body, &login)
		status, body = s.get(s.URL+"/users/me", login.AccessToken)
		want("/users/me", http.StatusOK, status, body)
		status, body = s.post("/introspect", "rs", secret, url.Values{"token": {login.AccessToken}})
		want("introspection", http.StatusOK, status, body)
		status, body = s.post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {login.RefreshToken}})
		want("revocation", http.StatusOK, status, body)
	}
}

// startProxy runs HAProxy with the example's configuration in front of the nodes.
func startProxy(t *testing.T, nodes []string) *testServer {
	t.Helper()
	config, err := os.ReadFile("../../deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	front := freeAddress(t)
	text := strings.NewReplacer("127.0.0.1:8000", front, "127.0.0.1:8011", nodes[0], "127.0.0.1:8012", nodes[1], "127.0.0.1:8013", nodes[2]).Replace(string(config))
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of the proxy:\n%s", &out)
		}
	})
	s := &testServer{t: t, URL: "http://" + front}
	eventually(t, "the proxy answers", func() (bool, string) {
		res, err := http.Get(s.URL + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK, res.Status
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
