package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/audit"
)

// events reads an audit log.
func events(t *testing.T, path string) []audit.Record {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []audit.Record
	for line := range strings.Lines(string(text)) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		records = append(records, r)
	}
	return records
}

// Everything that matters to security leaves a line, whoever did it, and no line of
// any kind has a secret in it.
func TestTheAuditLogTellsWhoDidWhatAndNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	at := site{dir: dir, env: []string{"USHER_AUDIT_LOG=" + path}}
	s := startServerAt(t, at, "serve", "--default-client", "web", "--refresh-grace", "0s", "--log-level", "debug")
	s.furnish()
	s.usherStdin("a brought secret\n", "client", "add", "job", "--grants", "client_credentials", "--secret-stdin")
	generated := strings.TrimSpace(s.usher("client", "add", "api", "--introspect"))

	login := s.login("web", "ann", annsPassword)
	const typo, misplaced, fresh = "tippfehler am abend", "hunter2 in the wrong field", "a much better password"
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	s.post("/token", "", "", form("grant_type", "password", "username", "ann", "password", typo))
	s.post("/token", "", "", form("grant_type", "password", "username", misplaced, "password", typo))
	s.post("/token", "job", "a brought secret", form("grant_type", "client_credentials"))
	s.post("/token", "api", "not the secret", form("grant_type", "client_credentials"))
	s.post("/introspect", "api", generated, form("token", login.AccessToken))
	_, body := s.post("/token", "", "", form("grant_type", "refresh_token", "refresh_token", login.RefreshToken))
	var second tokens
	decode(t, body, &second)
	s.post("/token", "", "", form("grant_type", "refresh_token", "refresh_token", login.RefreshToken))
	third := s.login("web", "ann", annsPassword)
	s.post("/revoke", "", "", form("token", third.AccessToken))
	fourth := s.login("web", "ann", annsPassword)
	change, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/users/me/password",
		strings.NewReader(form("current_password", annsPassword, "new_password", fresh).Encode()))
	if err != nil {
		t.Fatal(err)
	}
	change.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	change.Header.Set("Authorization", "Bearer "+fourth.AccessToken)
	if status, body := s.do(change); status != http.StatusNoContent {
		t.Fatalf("changing the password: got %d %s", status, body)
	}
	s.post("/revoke", "", "", form("token", fourth.RefreshToken))
	s.usher("user", "disable", "ann")
	s.post("/token", "", "", form("grant_type", "password", "username", "ann", "password", fresh))
	s.usher("key", "rotate")
	s.Stop()

	var got []string
	records := events(t, path)
	for _, r := range records {
		got = append(got, strings.Join([]string{r.Event, r.Outcome, r.Reason, r.User, r.Client, r.Object}, "|"))
		switch {
		case r.Actor != "":
		case r.Request == "" || r.Address != "127.0.0.1":
			t.Errorf("%+v: want a request id and an address", r)
		case r.Event == audit.Login && r.Outcome == audit.OK && (r.Grant == "" || r.Token == "" || r.Account == "" || r.Scope == ""):
			t.Errorf("%+v: want grant, token, account and scope", r)
		}
	}
	for i, line := range got {
		if strings.HasPrefix(line, "key.ensure") {
			got[i] = "key.ensure"
		}
	}
	want := []string{
		"key.ensure",
		"user.add|ok||||ann",
		"client.add|ok||||web public=true grants=[password refresh_token]",
		"client.add|ok||||job grants=[client_credentials]",
		"client.add|ok||||api introspect=true",
		"login|ok||ann|web|",
		"login|refused|wrong password|ann|web|",
		"login|refused|unknown user||web|",
		"client_token|ok|||job|",
		"client_auth|refused|wrong secret||api|",
		"refresh|ok||ann|web|",
		"reuse|refused|used refresh token was used again|ann|web|",
		"login|ok||ann|web|",
		"revocation|ok|||web|",
		"login|ok||ann|web|",
		"password_change|ok||ann|web|",
		"revocation|ok||ann|web|",
		"user.disable|ok||||ann",
		"login|refused|disabled user|ann|web|",
		"key.rotate|ok||||",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	audited, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	everything := string(audited) + s.Logs() + s.Stdout()
	for name, secret := range map[string]string{
		"a password": annsPassword, "a wrong password": typo, "what was typed for a name": misplaced, "a new password": fresh,
		"a brought secret": "a brought secret", "a wrong secret": "not the secret", "a generated secret": generated,
		"an access token": login.AccessToken, "a signature": login.AccessToken[strings.LastIndex(login.AccessToken, ".")+1:],
		"a refresh token": login.RefreshToken, "its successor": second.RefreshToken, "another": fourth.RefreshToken,
	} {
		for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(everything, spelling) {
				t.Errorf("%s is in a log", name)
			}
		}
	}
}

func TestTheAuditLogIsOpenedAnewAtSIGHUP(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	s := startServerIn(t, dir, "serve", "--audit-log", path)
	s.furnish()
	s.login("web", "ann", annsPassword)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGHUP)
	eventually(t, "the log is made anew", func() (bool, string) {
		_, err := os.Stat(path)
		return err == nil, "no file"
	})
	s.login("web", "ann", annsPassword)
	s.Stop()
	for _, file := range []string{path, path + ".1"} {
		if records := events(t, file); !slices.ContainsFunc(records, func(r audit.Record) bool { return r.Event == audit.Login }) {
			t.Errorf("%s: got %+v, want a login", file, records)
		}
	}
}

func TestAnAuditLogThatCanNotBeOpenedIsAFailure(t *testing.T) {
	t.Parallel()
	s := &testServer{Dir: t.TempDir(), t: t}
	out, err := s.command("user", "add", "ann", "--generate-password", "--audit-log", filepath.Join(s.Dir, "none", "audit.log")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "audit log") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("got %v:\n%s\nwant one line on the audit log", err, out)
	}
}

// A script takes the result from standard output.
func TestTheAuditLogDoesNotMixWithAResult(t *testing.T) {
	t.Parallel()
	s := &testServer{Dir: t.TempDir(), t: t}
	got := s.try("", []string{"USHER_AUDIT_LOG=-"}, "client", "add", "api", "--introspect", "--json")
	var made struct {
		ID string `json:"client_id"`
	}
	decode(t, got.Stdout, &made)
	if got.Status != 0 || made.ID != "api" || strings.Count(got.Stderr, `"event":"client.add"`) != 1 {
		t.Errorf("got %+v, want a client alone, and the event beside it", got)
	}
}

// A command that is new is one or the other.
func TestEveryCommandIsKnownToChangeOrNot(t *testing.T) {
	t.Parallel()
	reading := []string{
		"demo", "serve", // their requests are records
		"user list", "user show", "client list", "client show", "audience list", "audience show",
		"key list", "key export", "token explain", "throttle list", "doctor", "healthcheck", "version", "completion", "man", "help",
	}
	parser, err := newParser(world{}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	known := len(reading)
	for _, leaf := range parser.Model.Leaves(false) {
		path := strings.TrimPrefix(leaf.FullPath(), "usher ")
		if changing[path] {
			known++
		}
		if changing[path] == slices.Contains(reading, path) {
			missing = append(missing, path)
		}
	}
	if len(missing) > 0 || known != len(parser.Model.Leaves(false)) || len(changing)+len(reading) != known {
		t.Errorf("commands that are neither or both: %q; %d are known, %d exist", missing, known, len(parser.Model.Leaves(false)))
	}
}
