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

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/internal/postgrestest"
)

const (
	manySessions = 10_000_000
	manyUsers    = manySessions / 5
	// fewUsers are enough for each of those who log in to do it for the first time, which
	// takes more statements, as those of many do.
	fewUsers = 8000
	// dearShare of the users has a password hashed at the default cost, as those of a
	// real database have. All others are hashed at the least, to leave the database's
	// part to be seen.
	dearShare = 100
)

// Over HTTP, requests at a database of millions take about as long as at an empty
// one. Each is about a session that nobody has asked for since the database grew, or, a
// login, about a user that nobody ever asked for.
func TestSoakRequestsAtALargeDatabase(t *testing.T) {
	if os.Getenv("USHER_SOAK_ROUNDS") == "" {
		t.Skip("fills a disk by gigabytes: runs in a soak")
	}
	// Requests of a kind on each side. At the default cost each takes a quarter of a
	// second.
	const each, dear = 800, 60
	cluster := postgrestest.NewCluster(t, "max_wal_size = 8GB", "checkpoint_timeout = 1h")
	sides := [2]*side{newSide(t, cluster, "empty", fewUsers), newSide(t, cluster, "large", manyUsers)}
	for _, s := range sides {
		s.login(2 * 2 * each)
	}
	sides[1].grow()

	requests := []struct {
		name string
		do   func(s *side, n int64) (status int, body string)
		each int
		most int // callers
	}{
		{"login", (*side).askLogin, each, 8},
		{"login at the default cost", (*side).askDearLogin, dear, 1},
		{"refresh", (*side).askRefresh, each, 8},
		{"introspection of a refresh token", (*side).askIntrospect, each, 8},
	}
	for _, callers := range []int{1, 8} {
		for _, r := range requests {
			if callers > r.most {
				continue
			}
			empty, large := measure(sides, callers, r.each, r.do)
			half, most := r.each/2, r.each*95/100
			ratio := float64(large[half]) / float64(empty[half])
			t.Logf("%s, %d callers: %v (95th percentile %v) on an empty database, %v (%v) on %d sessions: ratio %.2f", r.name, callers,
				empty[half], empty[most], large[half], large[most], manySessions, ratio)
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

// side is a database and its nodes.
type side struct {
	*testServer
	dear    *testServer // hashes at the default cost
	address string
	secret  string // of the client rs
	users   int    // who log in
	fresh   chan tokens
	asked   atomic.Int64
}

func newSide(t *testing.T, cluster *postgrestest.Cluster, schema string, users int) *side {
	t.Helper()
	execute(t, cluster.URL, `CREATE SCHEMA `+schema)
	s := &side{users: users, address: postgrestest.With(t, cluster.URL, "search_path", schema)}
	at := onPostgres(t, s.address)
	s.secret = furnishDurably(t, at)
	args := append(durable[:len(durable):len(durable)], "--log-level", "error")
	s.testServer = startServerAt(t, at, args...)
	at.env = append(at.env, fmt.Sprint("USHER_BCRYPT_COST=", credentials.DefaultCost))
	s.dear = startServerAt(t, at, args...)
	s.dear.usherStdin(annsPassword+"\n", "user", "add", "dear", "--password-stdin")
	s.populate()
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

// populate adds those who log in.
func (s *side) populate() {
	s.t.Helper()
	execute(s.t, s.address,
		fmt.Sprintf(`INSERT INTO users (id, username, email, full_name, password_hash, password_cost, scopes, disabled, epoch, created_at)
			SELECT left(md5('u' || n), 20), CASE WHEN n %% %[2]d = 0 THEN 'dear' ELSE 'user' END || n, 'user' || n || '@example.com', 'User ' || n,
				password_hash, password_cost, scopes, 0, 'e', created_at
			FROM generate_series(1, %[1]d) n JOIN users template ON template.username = CASE WHEN n %% %[2]d = 0 THEN 'dear' ELSE 'ann' END`, s.users, dearShare),
		`VACUUM ANALYZE users`)
}

// grow fills the database with the sessions of a month, in the order of their logins.
func (s *side) grow() {
	s.t.Helper()
	execute(s.t, s.address,
		// An answer is as long as a sealed one.
		fmt.Sprintf(`INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at,
				refresh_hash, previous_hash, rotated_at, answer)
			SELECT lpad(to_hex(login / 1000), 8, '0') || left(md5('g' || n), 12), left(md5('u' || n * 7919::bigint %% %d + 1), 20), 'web', 'e',
				(SELECT epoch FROM clients WHERE id = 'web'), 'profile', 'http://localhost', login, login + 31 * 86400000::bigint,
				sha256(n::text::bytea), sha256(('p' || n)::bytea), login, decode(repeat(md5(n::text), 56), 'hex')
			FROM (SELECT n, (EXTRACT(EPOCH FROM now()) * 1000)::bigint - 30 * 86400000::bigint * (%[2]d - n) / %[2]d AS login
				FROM generate_series(1, %[2]d) n) logins`, s.users, manySessions),
		`VACUUM ANALYZE grants`, `CHECKPOINT`)
}

func (s *side) askLogin(n int64) (int, string) {
	i := n * 7919 % int64(s.users/dearShare*(dearShare-1))
	return s.logIn(s.testServer, fmt.Sprint("user", i+i/(dearShare-1)+1)) // past those who are dear
}

func (s *side) askDearLogin(n int64) (int, string) {
	return s.logIn(s.dear, fmt.Sprint("dear", (n*7919%int64(s.users/dearShare)+1)*dearShare))
}

func (*side) logIn(at *testServer, name string) (int, string) {
	return at.post("/token", "", "", url.Values{"grant_type": {"password"}, "username": {name}, "password": {annsPassword}})
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
