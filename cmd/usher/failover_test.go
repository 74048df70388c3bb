package main

import (
	"database/sql"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// The primary of a synchronous pair dies under load and the standby takes over. No
// acknowledged write is lost, no refresh token has two successors, and nothing that
// ended works again, on any node.
func TestFailoverLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(*postgrestest.Cluster){
		"power cut":                         (*postgrestest.Cluster).Kill,
		"its first process is killed alone": (*postgrestest.Cluster).KillFirst,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range rounds(t, 1) {
				failOver(t, kill)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func failOver(t *testing.T, kill func(*postgrestest.Cluster)) {
	t.Helper()
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
	l.await(300, time.Time{})
	dying := time.Now()
	kill(primary)
	dead := time.Now()
	standby.Promote(t)
	l.await(300, dead)
	outage := l.first(dead).Sub(dying)
	all, refused := l.end()
	for i, s := range all {
		s.verify(nodes[i%len(nodes)], secret)
	}
	for _, n := range nodes {
		n.Kill() // or those of all rounds would run on
	}
	standby.Kill()
	t.Logf("%d sessions checked after a failover; of what was asked after the kill the first answer came %v after it, with %d refusals meanwhile",
		len(all), outage.Round(time.Millisecond), refused)
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
	guess := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {"guess"}}
	if status, body := behind.post("/token", "", "", guess); status != http.StatusServiceUnavailable {
		t.Errorf("a guess that can't be counted: got %d %s, want 503", status, body)
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

func openURL(t testing.TB, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
