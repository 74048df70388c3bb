package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// durable are the flags of servers that are killed and started again: tokens
// have to outlive the port, and the grace the restart.
var durable = []string{"serve", "--default-client", "web", "--issuer", "http://localhost", "--refresh-grace", "10m"}

// rounds is how often a long proof repeats: a few times in the suite, as often as
// USHER_SOAK_ROUNDS says in a soak.
func rounds(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("USHER_SOAK_ROUNDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("USHER_SOAK_ROUNDS: %v", err)
	}
	return n
}

// furnishDurably puts into the database of that site the user ann, the client web
// and the client rs, which may introspect with the secret it returns.
func furnishDurably(t *testing.T, at site) (secret string) {
	t.Helper()
	s := startServerAt(t, at, durable...)
	s.furnish()
	var rs struct {
		Secret string `json:"client_secret"`
	}
	decode(t, s.usher("client", "add", "rs", "--introspect", "--json"), &rs)
	if got := s.Stop(); got != 0 {
		t.Fatalf("stopping: got exit status %d", got)
	}
	return rs.Secret
}

// onPostgres is a site whose database is on a server.
func onPostgres(t *testing.T, url string) site {
	t.Helper()
	at := site{dir: t.TempDir(), env: []string{"USHER_DATABASE=" + url, "USHER_MASTER_KEY_FILE=master.key"}}
	(&testServer{t: t, Dir: at.dir, env: at.env}).usher("key", "new-master", "master.key")
	return at
}

// An acknowledged login, refresh or revocation is there after kill -9, whatever
// else was going on.
func TestKillUnderLoadLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	t.Run("on the embedded database", func(t *testing.T) {
		t.Parallel()
		at := site{dir: t.TempDir()}
		killUnderLoad(t, at, func() { integrity(t, at.dir) })
	})
	t.Run("on PostgreSQL", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, onPostgres(t, postgrestest.Schema(t)), func() {})
	})
}

func killUnderLoad(t *testing.T, at site, killed func()) {
	secret := furnishDurably(t, at)
	var checked, lost int
	for round := range rounds(t, 3) {
		s := startServerAt(t, at, durable...)
		all := s.killUnderLoad(20 + round*37%200)
		killed()

		s = startServerAt(t, at, durable...)
		for _, l := range all {
			l.verify(s, secret)
			checked++
			if l.pending != "" {
				lost++
			}
		}
		if got := s.Stop(); got != 0 {
			t.Fatalf("stopping: got exit status %d", got)
		}
		if t.Failed() {
			t.Fatalf("after %d rounds", round+1)
		}
	}
	t.Logf("%d sessions checked, %d of them with an answer that never came", checked, lost)
}

// session is what one client knows of a login.
type session struct {
	tokens
	revoked bool   // and it was acknowledged
	pending string // what was asked for and not answered
}

// killUnderLoad has clients log in, refresh and revoke, kills the server once
// they have had so many answers, and returns what they know.
func (s *testServer) killUnderLoad(answers int) []*session {
	answered := make(chan struct{})
	var (
		mu  sync.Mutex
		all []*session
		wg  sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			for {
				l := &session{}
				ok := l.live(s, answered)
				if l.AccessToken != "" {
					mu.Lock()
					all = append(all, l)
					mu.Unlock()
				}
				if !ok {
					return
				}
			}
		})
	}
	for range answers {
		<-answered
	}
	s.Kill()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	for {
		select {
		case <-answered:
		case <-done:
			return all
		}
	}
}

// live logs in, refreshes a few times and, half of the time, revokes. It reports
// false once the server is gone.
func (l *session) live(s *testServer, answered chan<- struct{}) bool {
	ask := func(what, path string, form url.Values) (string, bool) {
		l.pending = what
		res, err := http.PostForm(s.URL+path, form)
		if err != nil {
			return "", false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return "", false
		}
		if res.StatusCode != http.StatusOK {
			s.t.Errorf("%s: got %d %s, want 200", what, res.StatusCode, body)
			return "", false
		}
		l.pending = ""
		answered <- struct{}{}
		return string(body), true
	}
	take := func(body string, ok bool) bool {
		if !ok {
			return false
		}
		var next tokens
		if err := json.Unmarshal([]byte(body), &next); err != nil {
			s.t.Errorf("reading %q: %v", body, err)
			return false
		}
		l.tokens = next
		return true
	}
	if !take(ask("login", "/token", url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}})) {
		return false
	}
	for range 3 {
		if !take(ask("refresh", "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {l.RefreshToken}})) {
			return false
		}
	}
	if l.AccessToken[len(l.AccessToken)-1]%2 == 0 { // a signature's last character: a fair coin
		return true
	}
	_, ok := ask("revoke", "/revoke", url.Values{"client_id": {"web"}, "token": {l.RefreshToken}})
	l.revoked = ok
	return ok
}

// verify holds the server to what it answered before it was killed.
func (l *session) verify(s *testServer, secret string) {
	s.t.Helper()
	active := func(token string) bool {
		status, body := s.post("/introspect", "rs", secret, url.Values{"token": {token}})
		if status != http.StatusOK {
			s.t.Fatalf("introspection: got %d %s", status, body)
		}
		return strings.Contains(body, `"active":true`)
	}
	refresh := func() int {
		status, _ := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {l.RefreshToken}})
		return status
	}
	switch {
	case l.revoked:
		if active(l.AccessToken) || active(l.RefreshToken) || refresh() != http.StatusBadRequest {
			s.t.Error("a revoked session works again")
		}
	case l.pending == "revoke": // it happened or it did not, but whole
		if got, want := active(l.AccessToken), refresh() == http.StatusOK; got != want {
			s.t.Errorf("half revoked: access token %v, refresh token %v", got, want)
		}
	default:
		if !active(l.AccessToken) {
			s.t.Error("an acknowledged access token is lost")
		}
		if got := refresh(); got != http.StatusOK {
			s.t.Errorf("an acknowledged refresh token (pending: %q) is answered by %d", l.pending, got)
		}
	}
}

func integrity(t *testing.T, dir string) {
	t.Helper()
	db := openDatabase(t, dir)
	var result string
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&result); err != nil || result != "ok" {
		t.Errorf("integrity_check: %q (%v), want ok", result, err)
	}
}

// openDatabase looks into the database past the server.
func openDatabase(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "usher.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// The server dies after a refresh is committed and before its answer is read.
// The client, which has only the old token, gets what it was to be answered.
func TestKillBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	secret := furnishDurably(t, at)
	db := openDatabase(t, at.dir)
	for range rounds(t, 3) {
		s := startServerAt(t, at, durable...)
		login := s.login("web", "ann", annsPassword)
		old := sha256.Sum256([]byte(login.RefreshToken))

		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.RefreshToken}}.Encode()
		if _, err := io.WriteString(conn, "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "+
			strconv.Itoa(len(body))+"\r\n\r\n"+body); err != nil {
			t.Fatal(err)
		}
		var successor []byte
		eventually(t, "the refresh is committed", func() (bool, string) {
			err := db.QueryRowContext(t.Context(), `SELECT refresh_hash FROM grants WHERE previous_hash = $1`, old[:]).Scan(&successor)
			return err == nil, "no row yet"
		})
		s.Kill()
		conn.Close()

		s = startServerAt(t, at, durable...)
		var answers [2]tokens
		for i := range answers {
			status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.RefreshToken}})
			if status != http.StatusOK {
				t.Fatalf("retry: got %d %s, want 200", status, body)
			}
			decode(t, body, &answers[i])
		}
		if got := sha256.Sum256([]byte(answers[0].RefreshToken)); !bytes.Equal(got[:], successor) {
			t.Error("the retry was answered by another successor than the one committed before the kill")
		}
		if answers[0].AccessToken != answers[1].AccessToken || answers[0].RefreshToken != answers[1].RefreshToken {
			t.Error("two retries got two answers")
		}
		(&session{tokens: answers[0]}).verify(s, secret)
		s.Kill()
	}
}

// 64 uses of one refresh token at the same time, over HTTP.
func TestParallelRefreshesOverHTTP(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		grace string
		wins  int
	}{
		"with a grace all get the one answer": {"10s", 64},
		"without a grace one wins":            {"0s", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "--refresh-grace", tt.grace)
			token := s.login("web", "ann", annsPassword).RefreshToken
			var (
				mu      sync.Mutex
				answers = make(map[string]int)
				wins    int
				wg      sync.WaitGroup
			)
			for range 64 {
				wg.Go(func() {
					status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
					mu.Lock()
					defer mu.Unlock()
					if status != http.StatusOK {
						if status != http.StatusBadRequest || !strings.Contains(body, `"invalid_grant"`) {
							t.Errorf("got %d %s, want 400 invalid_grant", status, body)
						}
						return
					}
					var answer tokens
					decode(t, body, &answer)
					answers[answer.AccessToken+" "+answer.RefreshToken]++
					wins++
				})
			}
			wg.Wait()
			if len(answers) != 1 || wins != tt.wins {
				t.Errorf("got %d answers to %d requests, want 1 to %d", len(answers), wins, tt.wins)
			}
		})
	}
}
