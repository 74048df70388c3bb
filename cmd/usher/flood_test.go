package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// flood is logins that come whether or not earlier ones were answered.
type flood struct {
	s      *testServer
	client *http.Client
	users  int
	n      atomic.Int64

	good, shed, failed atomic.Int64
	without            atomic.Int64 // refusals that don't say when to come back
	odd                atomic.Pointer[string]
}

func newFlood(s *testServer, users int) *flood {
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &flood{s: s, client: &http.Client{Transport: transport, Timeout: patience}, users: users}
}

// login logs in some user from a network of its own.
func (f *flood) login() {
	n := f.n.Add(1)
	form := url.Values{"grant_type": {"password"}, "username": {fmt.Sprint("user", n%int64(f.users))}, "password": {annsPassword}}
	req, err := http.NewRequest(http.MethodPost, f.s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		f.failed.Add(1)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
	res, err := f.client.Do(req)
	if err != nil {
		f.failed.Add(1)
		text := err.Error()
		f.odd.Store(&text)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body) // of a body cut off no status is counted less
	switch res.StatusCode {
	case http.StatusOK:
		f.good.Add(1)
	case http.StatusServiceUnavailable:
		f.shed.Add(1)
		if res.Header.Get("Retry-After") == "" {
			f.without.Add(1)
		}
	default:
		f.failed.Add(1)
		text := fmt.Sprint(res.StatusCode, " ", string(body))
		f.odd.Store(&text)
	}
}

// closed has so many callers log in one after the other, and returns how many logins
// worked in a second.
func (f *flood) closed(callers int, during time.Duration) float64 {
	before, began := f.good.Load(), time.Now()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for time.Since(began) < during {
				f.login()
			}
		})
	}
	wg.Wait()
	return float64(f.good.Load()-before) / time.Since(began).Seconds()
}

// open sends so many logins a second, and returns how many worked in a second of the
// time until the last was answered.
func (f *flood) open(rate float64, during time.Duration) float64 {
	before, began := f.good.Load(), time.Now()
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var wg sync.WaitGroup
	for time.Since(began) < during {
		<-tick.C
		wg.Go(f.login)
	}
	wg.Wait()
	return float64(f.good.Load()-before) / time.Since(began).Seconds()
}

// A flood of ten times what the server can hash is answered in part, and refused in
// part at once; memory stays flat, other requests are answered, and afterwards the
// server is as before.
func TestSoakAFloodOfLoginsIsShed(t *testing.T) { // not in parallel: its rates are compared
	cost, during, users := 11, 2*time.Second, 200
	soak := os.Getenv("USHER_SOAK_ROUNDS") != ""
	if soak {
		cost, during = 12, 30*time.Second
	}
	// What the flood itself holds is looked for, not the garbage that may gather.
	s := startServerAt(t, site{dir: t.TempDir(), env: []string{"GOGC=100"}}, "serve", "--default-client", "web", proxied, "--bcrypt-cost", fmt.Sprint(cost))
	s.furnish()
	s.importUsers(users, cost)
	f := newFlood(s, users)
	token := s.login("web", "ann", annsPassword).AccessToken
	f.closed(8, during/4) // until all is warm
	resting := s.metric("process_resident_memory_bytes")
	watch := s.watch(token)
	capacity := f.closed(8, during)
	f.shed.Store(0)
	good := f.open(10*capacity, during)
	n, peak := watch()
	t.Logf("logins of cost %d: capacity %.1f a second, %.1f of %.0f during the flood (%.0f %%), %d shed; %d other requests answered; memory %.1f MiB, at most %.1f",
		cost, capacity, good, 10*capacity, 100*good/capacity, f.shed.Load(), n, resting/(1<<20), peak/(1<<20))
	if odd := f.odd.Load(); odd != nil {
		t.Errorf("%d logins got neither tokens nor 503, such as %s", f.failed.Load(), *odd)
	}
	if f.shed.Load() == 0 || f.without.Load() > 0 {
		t.Errorf("got %d refusals, %d of them without Retry-After, want some and none", f.shed.Load(), f.without.Load())
	}
	if soak && good < .9*capacity {
		t.Errorf("got %.1f logins a second during the flood, want nine tenths of %.1f", good, capacity)
	}
	most := 64.0 * (1 << 20)
	if raceDetector() == "true" { // which remembers who touched each word last
		most *= 3
	}
	if peak > resting+most {
		t.Errorf("memory grew from %.0f to %.0f bytes", resting, peak)
	}
	s.login("web", "ann", annsPassword)
}

// watch makes some other requests until it is told to stop, and then returns how many
// and the most memory the server had.
func (s *testServer) watch(token string) (stop func() (n int, peak float64)) {
	stopping, stopped := make(chan struct{}), make(chan struct{})
	var n int
	var peak float64
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			s.wants(http.StatusOK, token, "during the flood")
			peak = max(peak, s.metric("process_resident_memory_bytes"))
			n++
			select {
			case <-stopping:
				return
			case <-tick.C:
			}
		}
	}()
	return func() (int, float64) {
		close(stopping)
		<-stopped
		return n, peak
	}
}

// importUsers adds users with annsPassword.
func (s *testServer) importUsers(n, cost int) {
	s.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(annsPassword), cost)
	if err != nil {
		s.t.Fatal(err)
	}
	type user struct {
		Username string `json:"username"`
		Hash     string `json:"hashed_password"`
	}
	users := make([]user, n)
	for i := range users {
		users[i] = user{fmt.Sprint("user", i), string(hash)}
	}
	text, err := json.Marshal(users)
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(s.t.TempDir(), "users.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.usher("user", "import", file)
}

// Clients that hold more connections than there may be keep nobody out: idle ones give
// way.
func TestIdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	const limit = 50
	s := newServer(t, "--max-connections", fmt.Sprint(limit))
	address := strings.TrimPrefix(s.URL, "http://")
	for range 4 * limit {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: usher\r\n\r\n")
		if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 200 OK"))); err != nil {
			t.Fatalf("a connection that stays open: %v", err)
		}
	}
	s.login("web", "ann", annsPassword)
	if n := s.metric("process_open_fds"); n > limit+otherFiles {
		t.Errorf("got %v open files, want at most %d connections among them", n, limit)
	}
}

// Ten times as many callers as the server takes at a time: those beyond are refused at
// once, memory is that of the connections, and afterwards all is as before.
func TestSoakAFloodOfCallersIsShed(t *testing.T) { // not in parallel: its rates are compared
	if os.Getenv("USHER_SOAK_ROUNDS") == "" {
		t.Skip("opens ten thousand connections: runs in a soak")
	}
	const during = 10 * time.Second
	s := newServer(t)
	token := s.login("web", "ann", annsPassword).AccessToken
	capacity, _ := s.callers(64, during, token)
	resting := s.memory()
	good, shed := s.callers(10_000, during, token)
	grown := s.memory()
	t.Logf("GET /users/me: %.0f a second for 64 callers; for 10,000, %.0f (%.0f %%) and %.0f refused; memory %.1f MiB, then %.1f",
		capacity, good, 100*good/capacity, shed, resting/(1<<20), grown/(1<<20))
	if good == 0 {
		t.Error("got no answer during the flood")
	}
	if again, _ := s.callers(64, during, token); again < capacity/2 {
		t.Errorf("got %.0f answers a second after the flood, want about %.0f", again, capacity)
	}
}

// callers has so many ask for /users/me, each on a connection of its own, without a
// pause, and returns how many answers and refusals there were in a second.
func (s *testServer) callers(n int, during time.Duration, token string) (good, shed float64) {
	s.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: n, MaxIdleConns: n}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	var answers, refusals, odd atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for time.Since(began) < during {
				req, err := http.NewRequest(http.MethodGet, s.URL+"/users/me", nil)
				if err != nil {
					odd.Add(1)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				res, err := client.Do(req)
				if err != nil {
					odd.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body) // what counts is the status
				res.Body.Close()
				switch {
				case res.StatusCode == http.StatusOK:
					answers.Add(1)
				case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
					refusals.Add(1)
				default:
					odd.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if odd.Load() > 0 {
		s.t.Errorf("%d callers: %d requests got neither an answer nor a refusal", n, odd.Load())
	}
	took := time.Since(began).Seconds()
	return float64(answers.Load()) / took, float64(refusals.Load()) / took
}

// memory is what the server has of it, in bytes.
func (s *testServer) memory() float64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		s.t.Fatal(err)
	}
	return resident * float64(os.Getpagesize())
}
