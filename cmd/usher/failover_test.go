package main

import (
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// The primary of a synchronous pair dies under load and the standby takes over. No
// acknowledged write is lost and nothing that ended works again, on any node.
func TestFailoverLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for range rounds(t, 1) {
		primary := postgrestest.NewCluster(t)
		// Or a promotion may wait for the pause between two tries to follow the primary.
		standby := primary.Standby(t, "wal_retrieve_retry_interval = 200ms")
		db := openURL(t, primary.URL)
		// From now on a commit is acknowledged once the standby has it on disk.
		for _, statement := range []string{`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		at := onPostgres(t, postgrestest.Hosts(t, primary, standby))
		secret := furnishDurably(t, at)
		nodes := startNodes(t, at)

		l := startLoad(t, nodes)
		l.await(60)
		primary.Kill()
		killed := time.Now()
		standby.Promote(t)
		l.await(1)
		outage := time.Since(killed)
		l.await(60)
		all := l.end()
		for i, s := range all {
			s.verify(nodes[i%len(nodes)], secret)
		}
		t.Logf("%d sessions checked after a failover; first answer %v after the kill, with %d refused meanwhile", len(all), outage.Round(time.Millisecond), l.refused.Load())
	}
}

// The way between one node and the database is cut without a word for ten seconds:
// the node answers 503 or that the token is bad, never that it is good, and it
// recovers by itself.
func TestACutConnectionRefusesRatherThanErrs(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.NewCluster(t)
	way := newCuttable(t, cluster.URL)
	at := onPostgres(t, cluster.URL)
	furnishDurably(t, at)
	healthy := startServerAt(t, at, durable...)
	behind := startServerAt(t, site{dir: at.dir, env: append(at.env, "USHER_DATABASE="+way.url)}, durable...)

	revoked, living := healthy.login("web", "ann", annsPassword), healthy.login("web", "ann", annsPassword)
	behind.wants(http.StatusOK, revoked.AccessToken, "before the cut")
	way.cut()
	cut := time.Now()
	if status, body := healthy.post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {revoked.AccessToken}}); status != http.StatusOK {
		t.Fatalf("revocation: got %d %s", status, body)
	}
	acknowledged := time.Now()
	var slowest time.Duration
	var unavailable int
	for time.Since(cut) < 10*time.Second {
		start := time.Now()
		status, body := behind.get(behind.URL+"/users/me", revoked.AccessToken)
		slowest = max(slowest, time.Since(start))
		switch {
		case status == http.StatusServiceUnavailable:
			unavailable++
		case status != http.StatusUnauthorized && start.Sub(acknowledged) > time.Second:
			t.Fatalf("%v after its revocation the token is answered by %d %s", start.Sub(acknowledged), status, body)
		}
	}
	if unavailable == 0 {
		t.Error("a node that could not know never said so")
	}
	way.heal()
	healed := time.Now()
	eventually(t, "the node works again", func() (bool, string) {
		status, body := behind.get(behind.URL+"/users/me", living.AccessToken)
		return status == http.StatusOK, body
	})
	recovered := time.Since(healed)
	behind.wants(http.StatusUnauthorized, revoked.AccessToken, "after the cut")
	t.Logf("cut for 10 s: %d answers of 503, the slowest answer after %v; recovered %v after the way was free",
		unavailable, slowest.Round(time.Millisecond), recovered.Round(time.Millisecond))
}

// load is clients that log in, refresh and revoke and try again what was refused for
// the server's sake.
type load struct {
	t       *testing.T
	nodes   []*testServer
	answers chan struct{}
	stop    chan struct{}
	wg      sync.WaitGroup
	refused atomic.Int64

	mu  sync.Mutex
	all []*session
}

func startLoad(t *testing.T, nodes []*testServer) *load {
	l := &load{t: t, nodes: nodes, answers: make(chan struct{}), stop: make(chan struct{})}
	for i := range 8 {
		l.wg.Go(func() {
			for n := i; l.live(n); n++ {
			}
		})
	}
	return l
}

// await returns after so many more answers.
func (l *load) await(n int) {
	l.t.Helper()
	deadline := time.After(patience)
	for range n {
		select {
		case <-l.answers:
		case <-deadline:
			l.t.Fatalf("no answers for %v", patience)
		}
	}
}

func (l *load) end() []*session {
	close(l.stop)
	l.wg.Wait()
	return l.all
}

// live is one session, over all nodes in turn. It reports false once the load ends.
func (l *load) live(n int) bool {
	s := &session{}
	var next tokens
	login := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}
	if !l.persist(n, "/token", login, &next) {
		return false
	}
	s.tokens = next
	l.mu.Lock()
	l.all = append(l.all, s)
	l.mu.Unlock()
	for range 3 {
		s.pending = "refresh"
		if !l.persist(n+1, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}}, &next) {
			return false
		}
		s.tokens, s.pending = next, ""
		n++
	}
	if s.AccessToken[len(s.AccessToken)-1]%2 == 0 {
		return true
	}
	s.pending = "revoke"
	if !l.persist(n, "/revoke", url.Values{"client_id": {"web"}, "token": {s.RefreshToken}}, nil) {
		return false
	}
	s.revoked, s.pending = true, ""
	return true
}

// persist asks until it is answered by 200. What a server can't do now is tried
// again, as clients do; any other refusal is a promise broken.
func (l *load) persist(n int, path string, form url.Values, v any) bool {
	for ; ; n++ {
		status, body := 0, ""
		res, err := http.PostForm(l.nodes[n%len(l.nodes)].URL+path, form)
		if err == nil {
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			status, body = res.StatusCode, string(b)
		}
		switch {
		case status == http.StatusOK:
			if v != nil && json.Unmarshal([]byte(body), v) != nil {
				l.t.Errorf("%s: got %s", path, body)
				return false
			}
			select {
			case l.answers <- struct{}{}:
				return true
			case <-l.stop:
				return false
			}
		case err != nil || status == http.StatusServiceUnavailable:
			l.refused.Add(1)
		default:
			l.t.Errorf("%s: got %d %s, want 200, or 503 while the database is away", path, status, body)
			return false
		}
		select {
		case <-l.stop:
			return false
		case <-time.After(20 * time.Millisecond): // as a client's backoff
		}
	}
}

// cuttable is a way to a server that can stop forwarding without closing.
type cuttable struct {
	url string

	mu   sync.Mutex
	open chan struct{} // closed while the way is free
}

func newCuttable(t *testing.T, target string) *cuttable {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l := listenAnywhere(t)
	c := &cuttable{open: make(chan struct{})}
	c.heal()
	host := u.Host
	u.Host = l.Addr().String()
	c.url = u.String()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go c.forward(near, host)
		}
	}()
	return c
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = make(chan struct{})
}

func (c *cuttable) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.open)
}

func (c *cuttable) wait() {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	<-open
}

func openURL(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// forward carries one connection, and holds what arrives while the way is cut.
func (c *cuttable) forward(near net.Conn, target string) {
	defer near.Close()
	c.wait()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	carry := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			c.wait()
			if n > 0 {
				if _, err := to.Write(buf[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		done <- struct{}{}
	}
	go carry(far, near)
	go carry(near, far)
	<-done
}
