package main

import (
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

// What docs/operating.md tells to do: a backup under load, a disaster, a restore. What
// was ended since the backup does not come back to life by it.
func TestARestoreBringsNothingEndedBack(t *testing.T) {
	t.Parallel()
	t.Run("on the embedded database", func(t *testing.T) {
		t.Parallel()
		at := site{dir: t.TempDir()}
		restoreDrill(t, at, func(s *testServer) { s.usher("backup", "copy.db") }, func() site {
			for _, file := range []string{"usher.db", "usher.db-wal", "usher.db-shm"} {
				if err := os.Remove(filepath.Join(at.dir, file)); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			if err := os.Rename(filepath.Join(at.dir, "copy.db"), filepath.Join(at.dir, "usher.db")); err != nil {
				t.Fatal(err)
			}
			integrity(t, at.dir)
			return at
		})
	})
	t.Run("on PostgreSQL", func(t *testing.T) {
		t.Parallel()
		cluster := postgrestest.NewCluster(t)
		at := onPostgres(t, cluster.URL)
		run := func(name string, args ...string) {
			t.Helper()
			if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
		dump := filepath.Join(at.dir, "usher.dump")
		restoreDrill(t, at, func(*testServer) { run("pg_dump", "-Fc", "-f", dump, cluster.URL) }, func() site {
			restored := strings.TrimSuffix(cluster.URL, "/postgres") + "/restored"
			run("psql", cluster.URL, "-c", "CREATE DATABASE restored")
			run("pg_restore", "-d", restored, dump)
			at.env[0] = "USHER_DATABASE=" + restored
			return at
		})
	})
}

func restoreDrill(t *testing.T, at site, backup func(*testServer), restore func() site) {
	t.Helper()
	secret := furnishDurably(t, at)
	s := startServerAt(t, at, durable...)
	s.usherStdin(annsPassword+"\n", "user", "add", "bea", "--password-stdin")
	kept, ended, beas := s.login("web", "ann", annsPassword), s.login("web", "ann", annsPassword), s.login("web", "bea", annsPassword)
	job := s.addMachine()
	machine := s.machineToken(job)

	var answered atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() { useEverything(s, secret, &answered, stop) })
	}
	backup(s)
	close(stop)
	load.Wait()

	refresh := func(token string) (int, string) {
		t.Helper()
		return s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	var successor tokens
	status, body := refresh(kept.RefreshToken)
	if status != http.StatusOK {
		t.Fatalf("refreshing: got %d %s", status, body)
	}
	decode(t, body, &successor)
	if status, body := s.post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {ended.RefreshToken}}); status != http.StatusOK {
		t.Fatalf("revoking: got %d %s", status, body)
	}
	s.usher("client", "add", "late", "--public", "--grants", "password")
	late := s.login("late", "bea", annsPassword)
	s.usher("user", "disable", "bea")
	s.Kill()

	at = restore()
	beside := &testServer{t: t, Dir: at.dir, env: at.env}
	beside.usher("key", "rotate", "--now")
	beside.usher("token", "revoke", "--all")
	s = startServerAt(t, at, durable...)
	for name, token := range map[string]string{
		"of a session that is in the backup": kept.AccessToken, "of its refresh since": successor.AccessToken,
		"that was revoked since": ended.AccessToken, "of a user disabled since": beas.AccessToken,
		"of a client since": late.AccessToken, "of a machine": machine,
	} {
		if status, body := s.get(s.URL+"/protected", token); status != http.StatusUnauthorized {
			t.Errorf("the access token %s: got %d %s, want 401", name, status, body)
		}
	}
	for name, token := range map[string]string{
		"that was used since": kept.RefreshToken, "issued since": successor.RefreshToken, "revoked since": ended.RefreshToken,
		"of a user disabled since": beas.RefreshToken,
	} {
		if status, body := refresh(token); status != http.StatusBadRequest || !strings.Contains(body, "invalid_grant") {
			t.Errorf("the refresh token %s: got %d %s, want invalid_grant", name, status, body)
		}
	}
	s.wants(http.StatusOK, s.login("web", "ann", annsPassword).AccessToken, "a new login")
	if status, body := s.get(s.URL+"/protected", s.machineToken(job)); status != http.StatusOK {
		t.Errorf("a machine's new token: got %d %s", status, body)
	}
}

// addMachine adds the client job and returns its secret.
func (s *testServer) addMachine() (secret string) {
	s.t.Helper()
	return strings.TrimSpace(s.usher("client", "add", "job", "--grants", "client_credentials"))
}

// machineToken is an access token of the client job.
func (s *testServer) machineToken(secret string) string {
	s.t.Helper()
	status, body := s.post("/token", "job", secret, url.Values{"grant_type": {"client_credentials"}})
	if status != http.StatusOK {
		s.t.Fatalf("client_credentials: got %d %s", status, body)
	}
	var answer tokens
	decode(s.t, body, &answer)
	return answer.AccessToken
}
