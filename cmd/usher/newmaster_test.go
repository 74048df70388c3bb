package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newMaster makes a master key and returns its line.
func (s *testServer) newMaster(name string) string {
	s.t.Helper()
	s.usher("key", "new-master", name)
	return s.read(name)
}

func (s *testServer) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// masterIs puts these lines into the master key file of the server.
func (s *testServer) masterIs(lines ...string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, "usher.db.key"), []byte(strings.Join(lines, "")), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// reloads sends a SIGHUP and waits until the log says that it had come to this.
func (s *testServer) reloads(said string) {
	s.t.Helper()
	before := strings.Count(s.Logs(), said)
	s.Signal(syscall.SIGHUP)
	eventually(s.t, said, func() (bool, string) { return strings.Count(s.Logs(), said) > before, s.Logs() })
}

// A new line in the master key file, then a rotation by the command line, which
// seals under it: the running server has to open what it has never seen.
func TestServeFollowsTheMasterKeyFile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	before := s.login("web", "ann", annsPassword)
	s.masterIs(s.newMaster("new.key"), s.read("usher.db.key"))
	s.usher("key", "rotate")
	s.wants(http.StatusOK, before.AccessToken, "after a rotation under a new master key")
	s.wants(http.StatusOK, s.login("web", "ann", annsPassword).AccessToken, "a login after it")
	if status, body := s.get(s.URL+"/readyz", ""); status != http.StatusOK {
		t.Errorf("readyz: got %d %s, want 200", status, body)
	}
}

// SIGHUP takes up a new first line for refresh tokens too, so that the old line can go
// without a restart. A file that can't open the signing keys changes nothing.
func TestServeReadsTheMasterKeyFileAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	refresh := func(of tokens, want int) (next tokens) {
		t.Helper()
		status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {of.RefreshToken}})
		if status != want {
			t.Errorf("got %d %s, want %d", status, body, want)
		}
		if status == http.StatusOK {
			decode(t, body, &next)
		}
		return next
	}
	old, renewed := s.read("usher.db.key"), s.newMaster("new.key")
	first, idle := s.login("web", "ann", annsPassword), s.login("web", "ann", annsPassword)

	s.masterIs(renewed)
	s.reloads("reloading did not work")
	first = refresh(first, http.StatusOK)

	s.masterIs(renewed, old)
	s.reloads("reloaded the master key")
	first = refresh(first, http.StatusOK)

	s.usher("key", "rotate", "--now") // sealed under the new line
	s.masterIs(renewed)
	s.reloads("reloaded the master key")
	refresh(first, http.StatusOK)
	refresh(idle, http.StatusBadRequest)
	s.wants(http.StatusOK, s.login("web", "ann", annsPassword).AccessToken, "a login after all")
}
