package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// Three nodes behind the proxies of the examples, restarted one after the other under
// load: nobody outside notices.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, []string) *testServer{"HAProxy": startHAProxy, "nginx": startNginx} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			restartBehind(t, start)
		})
	}
}

func restartBehind(t *testing.T, startProxy func(*testing.T, []string) *testServer) {
	t.Helper()
	at := onPostgres(t, postgrestest.Schema(t))
	secret := furnishDurably(t, at)
	nodes, addresses := make([]*testServer, 3), make([]string, 3)
	flags := append(durable[:len(durable):len(durable)], "--trusted-proxies", "127.0.0.1/32")
	start := func(i int) {
		nodes[i] = startServerAt(t, at, append(flags[:len(flags):len(flags)], "--addr", addresses[i])...)
	}
	for i := range nodes {
		addresses[i] = freeAddress(t)
		start(i)
	}
	proxy := startProxy(t, addresses)
	forwards(t, proxy, nodes)

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

// forwards demands that a node sees the address of the proxy's client, whatever that
// claims to have been forwarded for.
func forwards(t *testing.T, proxy *testServer, nodes []*testServer) {
	t.Helper()
	// Not the proxy's own, which is trusted.
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	for range nodes {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy.URL+"/protected", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "192.0.2.7")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	eventually(t, "the requests are logged with their client's address", func() (bool, string) {
		var logged []string
		right := true
		for _, n := range nodes {
			for line := range strings.Lines(n.Logs()) {
				if strings.Contains(line, "route=/protected") {
					logged = append(logged, line)
					right = right && strings.Contains(line, "remote=127.0.0.2 ")
				}
			}
		}
		return right && len(logged) == len(nodes), strings.Join(logged, "")
	})
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

// startHAProxy runs HAProxy with the example's configuration in front of the nodes.
func startHAProxy(t *testing.T, nodes []string) *testServer {
	t.Helper()
	front, file := proxyConfig(t, "haproxy.cfg", nodes)
	return startProxy(t, front, exec.Command("haproxy", "-db", "-f", file))
}

// startNginx runs nginx in the same way.
func startNginx(t *testing.T, nodes []string) *testServer {
	t.Helper()
	dir := t.TempDir()
	front, file := proxyConfig(t, "nginx.conf", nodes,
		// Where it may write while it is not installed.
		"http {", fmt.Sprintf("pid %[1]s/pid;\nhttp {\nclient_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;", dir))
	if out, err := exec.Command("nginx", "-t", "-q", "-c", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	return startProxy(t, front, exec.Command("nginx", "-c", file, "-g", "daemon off;"))
}

// proxyConfig writes an example with the addresses of now, and returns that of the
// proxy and the file.
func proxyConfig(t *testing.T, example string, nodes []string, also ...string) (front, file string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join("../../deploy", example))
	if err != nil {
		t.Fatal(err)
	}
	front = freeAddress(t)
	pairs := append([]string{"127.0.0.1:8000", front, "127.0.0.1:8011", nodes[0], "127.0.0.1:8012", nodes[1], "127.0.0.1:8013", nodes[2]}, also...)
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(config, []byte(pairs[i])) {
			t.Fatalf("%s: no %q in it", example, pairs[i])
		}
	}
	file = filepath.Join(t.TempDir(), example)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(config))), 0o600); err != nil {
		t.Fatal(err)
	}
	return front, file
}

// startProxy returns once the proxy answers for a node.
func startProxy(t *testing.T, front string, cmd *exec.Cmd) *testServer {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // nginx has workers, which a kill leaves
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

// lastPort is the newest that freeAddress has given, less 20000.
var lastPort atomic.Int32

func init() { lastPort.Store(rand.Int32N(10_000)) }

// freeAddress returns an address that a program may listen on later. Its port is beneath
// those that a kernel gives to whoever asks for any, so that no other server, of the
// many that tests start meanwhile, comes by it first.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+lastPort.Add(1)%10_000)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
