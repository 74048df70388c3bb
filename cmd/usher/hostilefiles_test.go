//go:build linux

package main

import (
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a folder on a file system of two MiB, made by root alone.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("usher", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// While the disk is full nothing is acknowledged that did not happen, tokens are still
// told apart, and with room again the server goes on by itself.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	s := startServerIn(t, dir, "serve", "--default-client", "web")
	s.furnish()
	secret := s.introspector()
	kept, ended := s.login("web", "ann", annsPassword), s.login("web", "ann", annsPassword)
	if status, body := s.post("/revoke", "", "", url.Values{"token": {ended.RefreshToken}}); status != http.StatusOK {
		t.Fatalf("revocation: got %d %s", status, body)
	}

	filler := filepath.Join(dir, "filler")
	fill := func() {
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
	}
	login := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}
	answered := []tokens{kept}
	eventually(t, "the disk is full", func() (bool, string) {
		fill() // again, for the log of the database shrinks when it is begun anew
		status, body := s.post("/token", "", "", login)
		if status == http.StatusOK {
			var l tokens
			decode(t, body, &l)
			answered = append(answered, l)
		}
		return status == http.StatusInternalServerError, body
	})
	for what, ask := range map[string]func() (int, string){
		"login":   func() (int, string) { return s.post("/token", "", "", login) },
		"refresh": func() (int, string) { return s.post("/token", "", "", refreshForm(kept.RefreshToken)) },
		"revocation": func() (int, string) {
			return s.post("/revoke", "", "", url.Values{"token": {kept.RefreshToken}})
		},
	} {
		if status, body := ask(); status != http.StatusInternalServerError || !strings.Contains(body, "server_error") || strings.Contains(body, "disk") {
			t.Errorf("%s: got %d %s, want 500 that says no more", what, status, body)
		}
	}
	s.wants(http.StatusOK, kept.AccessToken, "a token of before")
	s.wants(http.StatusUnauthorized, ended.AccessToken, "a token that was revoked")
	if _, body := s.post("/introspect", "rs", secret, url.Values{"token": {kept.RefreshToken}}); !strings.Contains(body, `"active":true`) {
		t.Errorf("a revocation that failed: got %s, want the token to live", body)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, l := range answered {
		if status, body := s.post("/token", "", "", refreshForm(l.RefreshToken)); status != http.StatusOK {
			t.Errorf("with room again, a refresh of what was acknowledged: got %d %s", status, body)
		}
	}
	s.login("web", "ann", annsPassword)
	if status, body := s.post("/revoke", "", "", url.Values{"token": {kept.RefreshToken}}); status != http.StatusOK {
		t.Errorf("with room again, a revocation: got %d %s", status, body)
	}
	s.wants(http.StatusUnauthorized, kept.AccessToken, "revoked with room again")
	s.wants(http.StatusUnauthorized, ended.AccessToken, "revoked before")
	integrity(t, dir)
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// A server that may not write its files refuses to start, and names what it may not.
func TestFilesThatCantBeWritten(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("takes rights away, which only root can")
	}
	for name, tt := range map[string]struct {
		mode map[string]os.FileMode // of the folder and what is in it
		want string
	}{
		"a database that is read-only": {map[string]os.FileMode{".": 0o777, "usher.db": 0o444}, "usher.db"},
		"a folder that is read-only":   {map[string]os.FileMode{".": 0o555, "usher.db": 0o666, "usher.db.key": 0o444}, "usher.db"},
		"a database of somebody else":  {map[string]os.FileMode{".": 0o777, "usher.db": 0o600}, "usher.db"},
		"a master key of somebody else": {map[string]os.FileMode{".": 0o777, "usher.db": 0o666, "usher.db.key": 0o600},
			"usher.db.key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := startServerIn(t, dir, "serve")
			s.Stop()
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, mode := range tt.mode {
				if err := os.Chmod(filepath.Join(dir, file), mode); err != nil {
					t.Fatal(err)
				}
			}
			cmd := s.command("serve")
			asNobody(cmd)
			out, err := cmd.CombinedOutput()
			var last string
			for line := range strings.Lines(string(out)) {
				last = line
			}
			if err == nil || !strings.HasPrefix(last, "usher: ") || !strings.Contains(last, tt.want) {
				t.Errorf("got %v %s, want an error that names %s", err, out, tt.want)
			}
		})
	}
}

// asNobody has a command run without any rights. The program is in a folder that only
// its owner can enter, so it is reached by the name the kernel has for it.
func asNobody(cmd *exec.Cmd) {
	const nobody = 65534
	cmd.Path = "/proc/self/exe"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// A master key file that is no good keeps the server from starting, and the error says
// which file and what to do.
func TestMasterKeyFilesThatAreNoGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServerIn(t, dir, "serve")
	s.Stop()
	s.usher("key", "new-master", "other.key")
	file := filepath.Join(dir, "usher.db.key")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, "other.key"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, want ...string) {
		t.Helper()
		out, err := s.command("serve", "--log-level", "error").CombinedOutput()
		if err == nil || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: got %v %s, want one line of error", what, err, out)
		}
		for _, w := range append(want, "usher: ") {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: got %s, want it to say %q", what, out, w)
			}
		}
	}
	for what, content := range map[string]string{
		"empty": "", "cut": string(good[:len(good)-5]), "cut to its comment": string(good[:20]), "not text": "\x00\xff\x00", "of another kind": "-----BEGIN PRIVATE KEY-----\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(what, "usher.db.key", "bring back")
	}
	if err := os.WriteFile(file, other, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("of another database", "sealed under another master key", "put the line of that master key back")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refused("missing", "usher.db.key is missing", "bring it back")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	startServerIn(t, dir, "serve").loginIsAnswered()
}

// loginIsAnswered demands that a login at a server without users is refused, and not by a 5xx.
func (s *testServer) loginIsAnswered() {
	s.t.Helper()
	if status, body := s.post("/token", "", "", url.Values{"grant_type": {"password"}}); status >= 500 {
		s.t.Errorf("got %d %s", status, body)
	}
}

// A row of a signing key that is damaged, alone or beside a good one, keeps the server
// from starting: with fewer keys than it has it would refuse good tokens. The error
// names the key and the ways out, of which one is tried.
func TestADamagedSigningKey(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"the one that signs":        `UPDATE signing_keys SET sealed = x'00' WHERE signs_from = (SELECT MIN(signs_from) FROM signing_keys)`,
		"the one that is to sign":   `UPDATE signing_keys SET sealed = x'00' WHERE signs_from = (SELECT MAX(signs_from) FROM signing_keys)`,
		"all":                       `UPDATE signing_keys SET sealed = substr(sealed, 1, 20)`,
		"swapped":                   `UPDATE signing_keys SET sealed = (SELECT o.sealed FROM signing_keys o WHERE o.id <> signing_keys.id)`,
		"under another algorithm":   `UPDATE signing_keys SET algorithm = 'RS256'`,
		"under an unknown one":      `UPDATE signing_keys SET algorithm = 'none'`,
		"with a bit that fell over": `UPDATE signing_keys SET sealed = substr(sealed, 1, length(sealed) - 1) || x'00'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := startServerIn(t, dir, "serve")
			s.usher("key", "rotate")
			s.Stop()
			db, err := sql.Open("sqlite", filepath.Join(dir, "usher.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			db.Close()
			out, err := s.command("serve", "--log-level", "error").CombinedOutput()
			if err == nil || !strings.HasPrefix(string(out), "usher: key ") || !strings.Contains(string(out), "rotate the signing key at once") {
				t.Errorf("got %v %s, want an error that names the key and what to do", err, out)
			}
			s.usher("key", "rotate", "--now")
			if status, body := startServerIn(t, dir, "serve").ready(); status != http.StatusOK {
				t.Errorf("with a new key: got %d %s, want it ready", status, body)
			}
		})
	}
}

func (s *testServer) ready() (int, string) {
	s.t.Helper()
	return s.get(s.URL+"/readyz", "")
}
