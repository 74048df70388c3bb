package storage_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

const (
	playUsers  = 20_000
	playHomes  = 100 // of them log in one by one
	kiosk      = 7   // of a hundred logins this one is at another client
	perMinute  = 60 * perSecond
	logouts    = perMinute / 300 // a minute
	realLogins = 5
	failures   = 6
)

// play is a database in fast motion, and what should be in it.
type play struct {
	store, pruner *storage.Store // two nodes
	db            *sql.DB        // of the same database, for what is written in bulk
	clock         *storagetest.Clock
	took          *times

	// The sessions written in bulk are numbered in the order of their logins.
	start       time.Time // the login of number 0
	first, next int64     // those that may have rows
	ended       map[int64]bool
	real        []storage.Grant        // written by the store
	until       map[string][]time.Time // when the other tables' rows are to go
	minutes     int
	chance      *rand.Rand

	pruned int64
	busy   time.Duration // pruning
	lag    time.Duration // the longest
}

func (p *play) furnish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if _, err := p.store.RaiseAccessTokenTTL(ctx, tokenLasts); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"app", "kiosk"} {
		if err := p.store.CreateClient(ctx, storage.Client{ID: id, Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}}); err != nil {
			t.Fatal(err)
		}
	}
	users := make([]storage.User, playUsers)
	for i := range users {
		users[i] = storage.User{Username: fmt.Sprint("user-", i), PasswordHash: "$2a$12$", PasswordCost: 12, Scopes: []string{"profile"}}
	}
	if err := p.store.ImportUsers(ctx, users, false, nil); err != nil {
		t.Fatal(err)
	}
	p.start, p.ended, p.until, p.chance = p.clock.Now(), map[int64]bool{}, map[string][]time.Time{}, rand.New(rand.NewPCG(1, 2))
}

// write writes the logins of the minute that has passed.
func (p *play) write(ctx context.Context) error {
	_, err := p.db.ExecContext(ctx, `INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at, refresh_hash, rotated_at)
		SELECT lpad(to_hex(($1 + n * $3) / 1000), 8, '0') || left(md5('g' || n), 12), u.id, c.id, u.epoch, c.epoch, 'profile', 'https://auth.example',
			$1 + n * $3, $1 + n * $3 + $4, sha256(n::text::bytea), $1 + n * $3
		FROM generate_series($2::bigint, $2 + $5 - 1) n
		JOIN users u ON u.username = 'user-' || n * 7919 % $6
		JOIN clients c ON c.id = CASE WHEN n % 100 = $7 THEN 'kiosk' ELSE 'app' END`,
		p.start.UnixMilli(), p.next, int64(1000/perSecond), sessionLasts.Milliseconds(), int64(perMinute), int64(playUsers), int64(kiosk))
	return err
}

// minute lets one pass, and then all happen that is asked for in it while another node
// prunes.
func (p *play) minute(t *testing.T) {
	t.Helper()
	p.clock.Advance(time.Minute)
	p.minutes++
	var pruning sync.WaitGroup
	pruning.Go(func() { p.prune(t.Context(), t) })
	written := make(chan error, 1)
	go func() { written <- p.write(t.Context()) }()
	p.logIn(t)
	p.fail(t)
	p.logOut(t)
	if err := <-written; err != nil {
		t.Fatalf("writing the logins of a minute: %v", err)
	}
	p.next += perMinute
	p.disable(t)
	pruning.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// prune does what the provider does every few seconds.
func (p *play) prune(ctx context.Context, t *testing.T) {
	ctx, began := during(ctx, "prune"), time.Now()
	err := again(func() error {
		lag, err := p.pruner.PruneLag(ctx)
		p.lag = max(p.lag, lag)
		return err
	})
	for n := int64(serveAtOnce); n >= serveAtOnce && err == nil; p.pruned += n {
		err = again(func() error { n, err = p.pruner.Prune(ctx, serveAtOnce); return err })
	}
	p.busy += time.Since(began)
	if err != nil {
		t.Errorf("pruning: %v", err)
	}
}

// logIn has users log in, refresh and be looked up, one by one.
func (p *play) logIn(t *testing.T) {
	t.Helper()
	now := p.clock.Now()
	for i := range realLogins {
		home := (p.minutes*realLogins + i) % playHomes
		ctx := during(t.Context(), "login")
		var u storage.User
		var c storage.Client
		must(t, "reading the user", func() (err error) { u, err = p.store.UserByName(ctx, fmt.Sprint("user-", home)); return err })
		must(t, "reading the client", func() (err error) { c, err = p.store.Client(ctx, "app"); return err })
		hash := sha256.Sum256(strconv.AppendInt(nil, p.next, 10))
		g := storage.Grant{ID: storage.NewGrantID(now), UserID: u.ID, ClientID: c.ID, UserEpoch: u.Epoch, ClientEpoch: c.Epoch, Scopes: []string{"profile"},
			Audiences: []string{"https://auth.example"}, AuthTime: now, ExpiresAt: now.Add(sessionLasts), Refresh: hash[:], RotatedAt: now}
		must(t, "logging in", func() error {
			charged, err := p.store.Charge(ctx, storage.Guess{Account: u.ID, Network: fmt.Sprint("192.0.2.", home), Mark: "right"})
			if err != nil {
				return err
			}
			if err = p.store.Admit(ctx, charged, g); errors.Is(err, storage.ErrExists) {
				return nil // the answer to the last try was lost
			}
			return err
		})
		p.real = append(p.real, g)
		if i == realLogins-1 {
			continue // as a login leaves it
		}
		ctx = during(t.Context(), "refresh")
		must(t, "refreshing", func() error {
			_, err := p.store.RotateGrant(ctx, g.ID, g.Refresh, []byte(g.ID), make([]byte, 900))
			return err
		})
		must(t, "reading the session", func() error {
			s, err := p.store.Session(ctx, g.ID)
			if err == nil && (string(s.Refresh) != g.ID || !s.Live(now)) {
				return fmt.Errorf("got refresh token %q, live %t; want the new one to live", s.Refresh, s.Live(now))
			}
			return err
		})
	}
	ctx := during(t.Context(), "read of three rows, to tell what the machine takes")
	for range 5 {
		must(t, "reading the versions", func() error { _, err := p.store.Versions(ctx); return err })
	}
}

// fail has strangers guess at names that are nobody's.
func (p *play) fail(t *testing.T) {
	t.Helper()
	ctx, now := during(t.Context(), "login"), p.clock.Now()
	for i := range failures {
		who := fmt.Sprint("nobody-", p.minutes, "-", i)
		must(t, "failing", func() error {
			_, err := p.store.Charge(ctx, storage.Guess{Account: who, Network: "of " + who, Mark: "wrong"})
			return err
		})
		p.until["throttle_lanes"] = append(p.until["throttle_lanes"], now.Add(time.Hour))
		// What is paid back for an account, and for a network.
		p.until["throttle_budgets"] = append(p.until["throttle_budgets"], now.Add(72*time.Second), now.Add(7200*time.Millisecond))
	}
}

// logOut ends one of three hundred sessions.
func (p *play) logOut(t *testing.T) {
	t.Helper()
	ctx, now := during(t.Context(), "logout"), p.clock.Now()
	for range logouts {
		n := p.untouched(now)
		must(t, "logging out", func() error { return p.store.EndGrant(ctx, p.bulkID(n)) })
		p.ended[n] = true
		p.revoked(now)
	}
}

// disable ends all sessions of a user every ten minutes, and of a client every hour.
func (p *play) disable(t *testing.T) {
	t.Helper()
	ctx, now := during(t.Context(), "disable"), p.clock.Now()
	if p.minutes%10 == 0 {
		user := int64(playHomes + p.minutes/10%(playUsers-playHomes))
		for _, disabled := range []bool{true, false} {
			must(t, "changing a user", func() error {
				return p.store.ChangeUser(ctx, fmt.Sprint("user-", user), func(u *storage.User) error { u.Disabled = disabled; return nil })
			})
		}
		p.end(func(n int64) bool { return userOf(n) == user })
		p.revoked(now)
	}
	if p.minutes%60 == 30 {
		must(t, "ending a client's sessions", func() error { return p.store.EndClientSessions(ctx, "kiosk") })
		p.end(func(n int64) bool { return n%100 == kiosk })
		p.revoked(now)
	}
}

// again repeats what failed because it took longer than the store allows: the machine
// was stopped.
func again(f func() error) (err error) {
	for range 5 {
		began := time.Now()
		if err = f(); err == nil || time.Since(began) < 2*time.Second {
			break
		}
	}
	return err
}

func must(t *testing.T, what string, f func() error) {
	t.Helper()
	if err := again(f); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
