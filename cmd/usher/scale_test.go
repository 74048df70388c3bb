package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

const (
	manySessions = 10_000_000
	manyUsers    = manySessions / 5
)

// Over HTTP, requests at a database of millions take about as long as at an empty
// one. Each is about a session that nobody has asked for since the database grew, or, a
// login, about a user that nobody ever asked for.
func TestSoakRequestsAtALargeDatabase(t *testing.T) {
	if os.Getenv("USHER_SOAK_ROUNDS") == "" {
		t.Skip("fills a disk by gigabytes: runs in a soak")
	}
	const each = 800 // requests of a kind on each side
	cluster := postgrestest.NewCluster(t, "max_wal_size = 8GB", "checkpoint_timeout = 1h")
	sides := [2]*side{newSide(t, cluster, "empty"), newSide(t, cluster, "large")}
	for _, s := range sides {
		s.login(2 * 2 * each)
	}
	sides[1].grow()

	requests := []struct {
		name string
		do   func(s *side, n int64) (status int, body string)
	}{
		{"login", (*side).askLogin},
		{"refresh", (*side).askRefresh},
		{"introspection of a refresh token", (*side).askIntrospect},
	}
	for _, callers := range []int{1, 8} {
		for _, r := range requests {
			empty, large := measure(sides, callers, each, r.do)
			ratio := float64(large[each/2]) / float64(empty[each/2])
			t.Logf("%s, %d callers: %v (95th percentile %v) on an empty database, %v (%v) on %d sessions: ratio %.2f", r.name, callers,
				empty[each/2], empty[each*95/100], large[each/2], large[each*95/100], manySessions, ratio)
			if ratio > 3 {
				t.Errorf("%s, %d callers: got %.1f times the time, want not much more than on an empty database", r.name, callers, ratio)
			}
		}
	}
}

// measure returns how long n requests took on each side, in order. Every caller asks
// both sides in turn, so that whatever else the machine does slows both down.
func measure(sides [2]*side, callers, n int, do func(s *side, n int64) (int, string)) (empty, large []time.Duration) {
	var mu sync.Mutex
	var took [2][]time.Duration
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for k := range 2 * (n / callers) {
				i := (k + k/2 + caller) % 2 // neither is always the second
				start := time.Now()
				status, body := do(sides[i], sides[i].asked.Add(1))
				passed := time.Since(start)
				if status != http.StatusOK || strings.Contains(body, `"active":false`) {
					sides[i].t.Errorf("got %d %s, want 200", status, body)
				}
				mu.Lock()
				took[i] = append(took[i], passed)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, list := range took {
		slices.Sort(list)
	}
	return took[0], took[1]
}

// side is a node and its database.
type side struct {
	*testServer
	address string
	secret  string // of the client rs
	users   bool   // there are others than ann
	fresh   chan tokens
	asked   atomic.Int64
}

func newSide(t *testing.T, cluster *postgrestest.Cluster, schema string) *side {
	t.Helper()
	execute(t, cluster.URL, `CREATE SCHEMA `+schema)
	s := &side{address: postgrestest.With(t, cluster.URL, "search_path", schema)}
	at := onPostgres(t, s.address)
	s.secret = furnishDurably(t, at)
	s.testServer = startServerAt(t, at, append(durable[:len(durable):len(durable)], "--log-level", "error")...)
	return s
}

// login makes so many sessions, for later.
func (s *side) login(n int) {
	s.t.Helper()
	s.fresh = make(chan tokens, n)
	for range n {
		s.fresh <- s.testServer.login("web", "ann", annsPassword)
	}
}

// grow fills the database with the sessions of a month, in the order of chance.
func (s *side) grow() {
	s.t.Helper()
	execute(s.t, s.address,
		fmt.Sprintf(`INSERT INTO users (id, username, email, full_name, password_hash, password_cost, scopes, disabled, epoch, created_at)
			SELECT left(md5('u' || n), 20), 'user' || n, 'user' || n || '@example.com', 'User ' || n, password_hash, password_cost, scopes, 0, 'e', created_at
			FROM generate_series(1, %d) n, users ann WHERE ann.username = 'ann'`, manyUsers),
		// An answer is as long as a sealed one.
		fmt.Sprintf(`INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at,
				refresh_hash, previous_hash, rotated_at, answer)
			SELECT left(md5('g' || n), 20), left(md5('u' || n %% %d + 1), 20), 'web', 'e', (SELECT epoch FROM clients WHERE id = 'web'), 'profile', 'http://localhost',
				now.ms, now.ms + (30 * 86400000::bigint * random())::bigint + 86400000, sha256(n::text::bytea), sha256(('p' || n)::bytea), now.ms,
				decode(repeat(md5(n::text), 56), 'hex')
			FROM generate_series(1, %d) n, (SELECT (EXTRACT(EPOCH FROM now()) * 1000)::bigint AS ms) now`, manyUsers, manySessions),
		`VACUUM ANALYZE users`, `VACUUM ANALYZE grants`, `CHECKPOINT`)
	s.users = true
}

func (s *side) askLogin(n int64) (int, string) {
	name := "ann"
	if s.users {
		name = fmt.Sprint("user", n*7919%manyUsers+1)
	}
	return s.post("/token", "", "", url.Values{"grant_type": {"password"}, "username": {name}, "password": {annsPassword}})
}

func (s *side) askRefresh(int64) (int, string) {
	return s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {(<-s.fresh).RefreshToken}})
}

func (s *side) askIntrospect(int64) (int, string) {
	return s.post("/introspect", "rs", s.secret, url.Values{"token": {(<-s.fresh).RefreshToken}})
}

func execute(t testing.TB, address string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	db := openURL(t, address)
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
