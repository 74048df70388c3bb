package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/audit"
)

// outcome is what a command left behind.
type outcome struct {
	Status         int
	Stdout, Stderr string
}

// try runs a command on the server's database or, by env, at the server itself.
func (s *testServer) try(stdin string, env []string, args ...string) outcome {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// varying is what differs from run to run: times, ids of users and keys, secrets.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ|[A-Za-z0-9_-]{43}|"id": "[A-Za-z0-9_-]{20}"|(?m)^id +[A-Za-z0-9_-]{20}$`)

func (o outcome) alike() outcome {
	o.Stdout, o.Stderr = varying.ReplaceAllString(o.Stdout, "…"), varying.ReplaceAllString(o.Stderr, "…")
	return o
}

// newOps adds the client ops, which may administer, and returns the variables by
// which a command works at the server as that client.
func (s *testServer) newOps() []string {
	s.t.Helper()
	secret := strings.TrimSpace(s.usher("client", "add", "ops", "--grants", "client_credentials", "--scopes", "usher:admin"))
	return []string{"USHER_SERVER=" + s.URL, "USHER_CLIENT_ID=ops", "USHER_CLIENT_SECRET=" + secret}
}

// The same commands on a database and at a server: they end alike and print the
// same, to the letter.
func TestACommandAtAServerIsLikeOneOnTheDatabase(t *testing.T) {
	t.Parallel()
	var here, there []outcome
	const word = "correct horse battery staple\n"
	lines := []struct{ stdin, line string }{
		{word, "user add Ann --email ann@example.com --full-name=Ann_Lee --scopes profile,orders:read --password-stdin"},
		{word, "user add ANN --password-stdin"},
		{"short\n", "user add ben --password-stdin"},
		{"", "user add o/b%c@x --generate-password"},
		{"", "user add cat --generate-password --json"},
		{"", "user list"},
		{"", "user list --json"},
		{"", "user show ANN"},
		{"", "user show o/b%c@x --json"},
		{"", "user show eve"},
		{"", "user show a\tb"},
		{"", "user show "},
		{"", "user add  --generate-password"},
		{"", "user disable "},
		{word, "user set-password cat --password-stdin"},
		{"", "user set-password eve --generate-password"},
		{"", "user set-scopes cat profile,orders:write --json"},
		{"", "user set-scopes cat a\"b"},
		{"", "user disable cat"},
		{"", "user enable cat --json"},
		{"", "user remove cat"},
		{"", "user remove cat"},
		{"", "client add api --name=Orders --grants client_credentials --scopes orders:read,orders:write --default-scopes orders:read --audiences https://api.example.com"},
		{"", "client add gateway --introspect --json"},
		{"", "client add web --public --grants password,refresh_token --json"},
		{"any bytes, but at least sixteen\n", "client add brought --grants client_credentials --secret-stdin"},
		{"short\n", "client add other --grants client_credentials --secret-stdin"},
		{"", "client add web --public --grants password"},
		{"", "client add none"},
		{"", "client add odd --grants implicit"},
		{"", "client list"},
		{"", "client show api"},
		{"", "client show nobody"},
		{"", "client show "},
		{"", "client rotate-secret a/b"},
		{"", "client add .. --public --grants password"},
		{"", "client disable .."},
		{"", "client remove .."},
		{"", "client rotate-secret api --keep-old 24h --json"},
		{"", "client rotate-secret web"},
		{"", "client disable api --json"},
		{"", "client enable api"},
		{"", "client remove api"},
		{"", "token revoke --user Ann"},
		{"", "token revoke --user eve"},
		{"", "token revoke --client web"},
		{"", "token revoke --client nobody"},
		{"", "key list"},
		{"", "key rotate --alg RS256 --json"},
		{"", "key rotate"},
		{"", "key rotate --for-audiences"},
		{"", "key retire nosuchkey"},
		{"", "key retire "},
		{"", "key list --json"},
		{"", "key rotate --now"},
		{"", "key list"},
		{"", "token revoke --all"},
		{"", "user list"},
	}
	for _, remote := range []bool{false, true} {
		t.Run(map[bool]string{false: "database", true: "server"}[remote], func(t *testing.T) {
			s := startServer(t, "serve")
			env := s.newOps()
			outcomes := &there
			if !remote {
				env, outcomes = nil, &here
			}
			for _, l := range lines {
				args := strings.Split(l.line, " ")
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "_Lee", " Lee")
				}
				*outcomes = append(*outcomes, s.try(l.stdin, env, args...))
			}
		})
	}
	for i, l := range lines {
		if i >= len(here) || i >= len(there) {
			t.Fatal("a run did not end")
		}
		if diff := cmp.Diff(here[i].alike(), there[i].alike()); diff != "" {
			t.Errorf("usher %s (-on the database +at the server):\n%s", l.line, diff)
		}
	}
}

// Where a token comes from, and what is said where there is none or a wrong one.
func TestTheTokenForAServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve", "--default-audience", "https://api.example.com")
	ops := s.newOps()
	server := ops[:1:1]
	denied := s.try("", ops, "user", "list")
	if denied.Status != 1 || !strings.Contains(denied.Stderr, "may not ask for tokens for") {
		t.Errorf("a client that may not name the issuer: got %+v", denied)
	}
	secret := strings.TrimSpace(s.usher("client", "add", "far", "--grants", "client_credentials", "--scopes", "usher:admin,profile", "--audiences", s.URL))
	far := append(server, "USHER_CLIENT_ID=far", "USHER_CLIENT_SECRET="+secret)
	if got := s.try("", far, "user", "list"); got.Status != 0 {
		t.Errorf("a client that may: got %+v", got)
	}
	token := func(scope string) string {
		_, body := s.post("/token", "far", secret, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "resource": {s.URL}})
		var answer tokens
		decode(t, body, &answer)
		return answer.AccessToken
	}
	file := filepath.Join(s.Dir, "token")
	if err := os.WriteFile(file, []byte(token("usher:admin")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		env    []string
		args   string
		status int
		stderr string
	}{
		{"a file", server, "user list --token-file " + file, 0, ""},
		{"a variable", append(server, "USHER_TOKEN="+token("usher:admin")), "user list", 0, ""},
		{"a flag for the server", []string{"USHER_TOKEN_FILE=" + file}, "user list --server " + s.URL + "/", 0, ""},
		{"none", server, "user list", 2, "no access token for --server"},
		{"a missing file", server, "user list --token-file none", 1, "reading the token"},
		{"nonsense", append(server, "USHER_TOKEN=nonsense"), "user list", 1, "refuses the access token"},
		{"another scope", append(server, "USHER_TOKEN="+token("profile")), "user list", 1, "usher:admin"},
		{"a wrong secret", append(server, "USHER_CLIENT_ID=far", "USHER_CLIENT_SECRET=wrong"), "user list", 1, `getting an access token as client "far"`},
		{"in the clear", nil, "user list --server http://auth.example.com", 1, "use https"},
		{"no URL", nil, "user list --server auth.example.com", 2, "write it as https://HOST"},
		{"nobody there", append(far, "USHER_SERVER=http://127.0.0.1:1"), "user list", 1, "asking the server at http://127.0.0.1:1"},
		{"no usher", far, "user list --server " + s.AdminURL + "/debug/pprof", 1, "is no usher"},
		{"a file without a server", nil, "user list --token-file " + file, 2, "--token-file is for --server"},
		{"a command for a database", far, "backup copy.db", 1, "USHER_SERVER names a server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := s.try("", tt.env, strings.Fields(tt.args)...)
			if got.Status != tt.status || !strings.Contains(got.Stderr, tt.stderr) {
				t.Errorf("got %+v, want status %d and %q", got, tt.status, tt.stderr)
			}
			if tt.status != 0 && strings.Count(got.Stderr, "\n") != 1 {
				t.Errorf("got %q, want one line", got.Stderr)
			}
		})
	}
}

// What is done over HTTP is in the audit log with who did it, refused or not, and no
// log has a secret.
func TestTheAuditLogTellsOfAdministration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	s := startServer(t, "serve", "--audit-log", path, "--log-level", "debug")
	ops := s.newOps()
	secrets := map[string]string{"a secret of a client": strings.TrimPrefix(ops[2], "USHER_CLIENT_SECRET=")}
	secrets["a password"] = annsPassword
	s.try(annsPassword, ops, "user", "add", "ann", "--password-stdin", "--scopes", "profile usher:admin")
	s.try(annsPassword, ops, "user", "add", "ann", "--password-stdin")
	secrets["a generated secret"] = strings.TrimSpace(s.try("", ops, "client", "add", "desk", "--grants", "password", "--scopes", "profile usher:admin").Stdout)
	secrets["a rotated secret"] = strings.TrimSpace(s.try("", ops, "client", "rotate-secret", "desk").Stdout)
	secrets["a secret that was brought"] = "any bytes, but at least sixteen"
	s.try(secrets["a secret that was brought"], ops, "client", "rotate-secret", "desk", "--secret-stdin")

	_, body := s.post("/token", "desk", secrets["a secret that was brought"], url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}, "scope": {"usher:admin"}})
	var login tokens
	decode(t, body, &login)
	secrets["a token"] = login.AccessToken
	send := func(method, path, token, body string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if got, answer := s.do(r); got != want {
			t.Errorf("%s %s: got %d %s, want %d", method, path, got, answer, want)
		}
	}
	send("PATCH", "/admin/users/ann", login.AccessToken, `{"email":"a@example.com","scopes":["usher:admin"],"disabled":false}`, 200)
	send("PATCH", "/admin/users/ann", "", `{}`, 401)
	send("POST", "/admin/revocations", login.AccessToken, `{"token":"`+login.AccessToken+`"}`, 204)
	send("DELETE", "/admin/clients/desk", login.AccessToken, ``, 401)
	s.Stop()

	var got []string
	for _, r := range events(t, path) {
		if r.Event == audit.ClientToken || r.Event == audit.Login || r.Event == "key.ensure" {
			continue
		}
		who, token, _ := strings.Cut(r.Actor, ", token ")
		if (who == "") != (token == "") || r.Request == "" || r.Address != "127.0.0.1" {
			t.Errorf("%+v: want who and by which token, a request id and an address", r)
		}
		got = append(got, strings.Join([]string{r.Event, r.Outcome, r.Reason, who, r.Object}, "|"))
	}
	none := "no access token, or one that is no good"
	want := []string{
		"user.add|ok||client ops|ann scopes=[profile usher:admin]",
		"client.add|ok||client ops|desk grants=[password] scopes=[profile usher:admin]",
		"client.rotate-secret|ok||client ops|desk",
		"client.rotate-secret|ok||client ops|desk",
		"user.change|ok||user ann at client desk|ann email scopes=[usher:admin] disabled=false",
		"user.change|refused|" + none + "||",
		"token.revoke|ok||user ann at client desk|token",
		"client.remove|refused|" + none + "||",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	audited, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	everything := string(audited) + s.Logs() + s.Stdout()
	for name, secret := range secrets {
		if secret == "" || strings.Contains(everything, secret) {
			t.Errorf("%s is in a log, or empty", name)
		}
	}
}
