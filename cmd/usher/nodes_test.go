package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// startNodes starts three servers on one database.
func startNodes(t *testing.T, at site) []*testServer {
	t.Helper()
	nodes := make([]*testServer, 3)
	for i := range nodes {
		nodes[i] = startServerAt(t, at, durable...)
	}
	return nodes
}

func TestNodesShareOneRefreshToken(t *testing.T) {
	t.Parallel()
	at := onPostgres(t, postgrestest.Schema(t))
	furnishDurably(t, at)
	nodes := startNodes(t, at)
	for range 5 {
		token := nodes[0].login("web", "ann", annsPassword).RefreshToken
		var (
			mu      sync.Mutex
			answers = make(map[string]int)
			wg      sync.WaitGroup
		)
		for i := range 64 {
			wg.Go(func() {
				status, body := nodes[i%3].post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
				if status != http.StatusOK {
					t.Errorf("got %d %s, want 200", status, body)
					return
				}
				var answer tokens
				decode(t, body, &answer)
				mu.Lock()
				defer mu.Unlock()
				answers[answer.AccessToken+" "+answer.RefreshToken]++
			})
		}
		wg.Wait()
		if len(answers) != 1 {
			t.Errorf("got %d successors of one token, want 1", len(answers))
		}
	}
}

// What one node or the command line ends, all others refuse within a second.
func TestNodesLearnOfRevocationsWithinASecond(t *testing.T) {
	t.Parallel()
	at := onPostgres(t, postgrestest.Schema(t))
	furnishDurably(t, at)
	nodes := startNodes(t, at)
	var took []time.Duration
	// refused measures from the acknowledged end of the token until nodes refuse it.
	refused := func(token string, nodes ...*testServer) {
		start := time.Now()
		for _, n := range nodes {
			for status := 0; status != http.StatusUnauthorized; {
				status, _ = n.get(n.URL+"/users/me", token)
				if time.Since(start) > time.Second {
					t.Fatalf("a node answers %d a second after the token was ended", status)
				}
			}
		}
		took = append(took, time.Since(start))
	}
	for range rounds(t, 40) {
		login := nodes[0].login("web", "ann", annsPassword)
		for _, n := range nodes {
			n.wants(http.StatusOK, login.AccessToken, "before")
		}
		if status, body := nodes[0].post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {login.AccessToken}}); status != http.StatusOK {
			t.Fatalf("revocation: got %d %s", status, body)
		}
		nodes[0].wants(http.StatusUnauthorized, login.AccessToken, "at once on the node that answered")
		refused(login.AccessToken, nodes[1], nodes[2])
	}
	login := nodes[0].login("web", "ann", annsPassword)
	nodes[0].usher("user", "disable", "ann")
	refused(login.AccessToken, nodes...)
	slices.Sort(took)
	t.Logf("%d events known to all nodes after: median %v, 99th percentile %v, worst %v",
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

func TestServeOnPostgresNeedsTheMasterKey(t *testing.T) {
	t.Parallel()
	address := postgrestest.Schema(t)
	for name, tt := range map[string]struct {
		env  []string
		want string
	}{
		"none named": {nil, "--master-key-file is needed with PostgreSQL"},
		"none there": {[]string{"USHER_MASTER_KEY_FILE=nosuch"}, "make the first one by usher key new-master nosuch"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &testServer{t: t, Dir: t.TempDir(), env: append(tt.env, "USHER_DATABASE="+address)}
			out, err := s.command("serve").CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %v: %s, want %q", err, out, tt.want)
			}
		})
	}
}
