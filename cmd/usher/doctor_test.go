package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/diagnose"
)

// asked is what a command printed, and its exit status.
type asked struct {
	status         int
	stdout, stderr string
}

// ask runs a command beside the server that may fail.
func (s *testServer) ask(stdin string, args ...string) asked {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("usher %s: %v", strings.Join(args, " "), err)
	}
	return asked{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestDoctorFindsNothingWrongWithUsher(t *testing.T) {
	t.Parallel()
	const page = "https://app.example.com"
	s := startServer(t, "demo", "--database", "sqlite:usher.db", "--cors-origins", page)
	args := []string{"doctor", s.URL, "--origin", page, "--audience", s.URL, "--resource", s.URL + "/protected", "--database", "sqlite:usher.db", "--default-client", "demo"}
	got := s.ask("", args...)
	if got.status != 0 || got.stderr != "" {
		t.Errorf("got exit status %d and %q:\n%s", got.status, got.stderr, got.stdout)
	}
	for line := range strings.Lines(got.stdout) {
		if !strings.HasPrefix(line, "ok ") {
			t.Errorf("got the line %q, want ok", line)
		}
	}
	got = s.ask("", append(args, "--json")...)
	var findings []diagnose.Finding
	decode(t, got.stdout, &findings)
	if got.status != 0 || len(findings) < 30 {
		t.Errorf("got exit status %d and %d findings, want 0 and more", got.status, len(findings))
	}
}

func TestDoctorNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	cert, key, _ := certificate(t, time.Now().Add(-50*time.Hour))
	secure := startServer(t, "serve", "--tls-cert", cert, "--tls-key", key)
	plain := startServer(t, "demo", "--database", "sqlite:usher.db", "--issuer", "https://auth.example.com")
	for name, tt := range map[string]struct {
		server *testServer
		args   []string
		want   string
	}{
		"an expired certificate": {secure, []string{secure.URL}, "FAIL  tls        the certificate of "},
		"another issuer":         {plain, []string{plain.URL}, `the server calls itself "https://auth.example.com"`},
		"what it asked":          {plain, []string{plain.URL}, plain.URL + "/token answers"},
		"another database":       {plain, []string{plain.URL, "--database", "sqlite:" + filepath.Join(secure.Dir, "usher.db")}, "the server is on another database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.server.ask("", append([]string{"doctor"}, tt.args...)...)
			if got.status != 1 || !strings.Contains(got.stdout, tt.want) || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("got exit status %d and %q, want 1, one line, and %q in\n%s", got.status, got.stderr, tt.want, got.stdout)
			}
		})
	}
}

func TestDoctorGoesByTheCertificatesOfTheSystem(t *testing.T) {
	t.Parallel()
	cert, key, _ := certificate(t, time.Now().Add(60*24*time.Hour))
	s := startServer(t, "serve", "--tls-cert", cert, "--tls-key", key)
	if got := s.ask("", "doctor", s.URL); got.status != 1 || !strings.Contains(got.stdout, "signed by itself") {
		t.Errorf("unknown: got exit status %d and\n%s", got.status, got.stdout)
	}
	s.env = append(s.env, "SSL_CERT_FILE="+cert)
	if got := s.ask("", "doctor", s.URL); got.status != 0 || !strings.Contains(got.stdout, "the certificate is good until") {
		t.Errorf("known: got exit status %d and\n%s", got.status, got.stdout)
	}
}

func TestTokensAreExplained(t *testing.T) {
	t.Parallel()
	s := startServer(t, "demo", "--database", "sqlite:usher.db")
	login := s.login("", "johndoe", "secret")
	signature := login.AccessToken[strings.LastIndex(login.AccessToken, ".")+1:]
	expect := func(name string, status int, want string, got asked) {
		t.Helper()
		if got.status != status || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("%s: got exit status %d, want %d and %q in\n%s%s", name, got.status, status, want, got.stdout, got.stderr)
		}
		if strings.Contains(got.stdout+got.stderr, signature) || strings.Contains(got.stdout+got.stderr, login.RefreshToken) {
			t.Errorf("%s: got the signature or the refresh token in\n%s%s", name, got.stdout, got.stderr)
		}
	}
	explain := func(stdin string, args ...string) asked {
		t.Helper()
		return s.ask(stdin, append([]string{"token", "explain"}, args...)...)
	}
	const database = "--database=sqlite:usher.db"
	expect("as it is", 0, "claims (signed by the issuer)", explain("", login.AccessToken))
	expect("by all that an API expects", 0, "ok  ended", explain(login.AccessToken+"\n", "-", "--issuer", s.URL, "--audience", s.URL, "--scope", "profile", database))
	expect("for another API", 1, "usher: the token would be refused: aud", explain(login.AccessToken, "-", "--audience", "https://api.example.com"))
	expect("a refresh token", 0, "it works until", explain(login.RefreshToken, "-", database))
	expect("a refresh token alone", 1, "can't be told from here", explain(login.RefreshToken, "-"))

	var document diagnose.Explanation
	decode(t, explain(login.AccessToken, "-", "--json").stdout, &document)
	if !document.Accepted || !document.Verified || document.Kind != diagnose.AccessToken || document.Claims["iss"] != s.URL || document.Header["alg"] != "ES256" {
		t.Errorf("got %+v, want the token of %s", document, s.URL)
	}

	s.usher("user", "disable", "johndoe")
	expect("of a disabled user", 1, "user johndoe is disabled", explain(login.AccessToken, "-", database))
	s.Stop()
	expect("without a server", 1, "claims (not verified: only what it says of itself)", explain(login.AccessToken, "-"))
}
