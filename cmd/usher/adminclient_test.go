package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// wantOutcome demands an exit status, and these words on standard error.
func wantOutcome(t *testing.T, what string, got outcome, status int, stderr string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Stderr, stderr) {
		t.Errorf("%s: got %+v, want status %d and %q", what, got, status, stderr)
	}
}

// A command works where the command line says, or not at all.
func TestACommandWorksInOnePlace(t *testing.T) {
	t.Parallel()
	s := startServer(t, "serve")
	ops := s.newOps()
	secret := strings.TrimPrefix(ops[2], "USHER_CLIENT_SECRET=")
	_, body := s.post("/token", "ops", secret, url.Values{"grant_type": {"client_credentials"}})
	var login tokens
	decode(t, body, &login)

	wantOutcome(t, "a database too", s.try("", ops, "user", "list", "--database", "sqlite:other.db"), 2, "leave one of them out")
	wantOutcome(t, "a master key too", s.try("", ops, "key", "list", "--master-key-file", "none"), 2, "leave one of them out")
	wantOutcome(t, "the variable taken back", s.try("", ops, "key", "list", "--server", ""), 0, "")
	wantOutcome(t, "a token on standard input", s.try(login.AccessToken+"\n", ops[:1], "user", "list", "--token-file", "-"), 0, "")
	wantOutcome(t, "a password there too", s.try("x", ops[:1], "user", "add", "ann", "--token-file", "-", "--password-stdin"), 2, "standard input")
	wantOutcome(t, "a wrong secret", s.try("", append(ops[:2:2], "USHER_CLIENT_SECRET=wrong but long enough"), "user", "list"), 1, "Client authentication failed")
	// It is done, though who did it may do no more.
	wantOutcome(t, "the own client", s.try("", ops, "client", "disable", "ops"), 0, "client ops: disabled")
	wantOutcome(t, "which is disabled", s.try("", ops, "user", "list"), 1, "Client authentication failed")
}

// What another server says is neither believed nor shown.
func TestWhatIsNoUsherIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, answer, command string }{
		{"an empty object", `200 {}`, "user disable ann"},
		{"an empty object, for a key", `200 {}`, "key rotate --now"},
		{"an empty object, for nothing", `200 {}`, "token revoke --user ann"},
		{"nothing, for an object", `204 `, "client rotate-secret ops"},
		{"a text that steers the terminal", `400 {"error":"x","error_description":"\u001b]0;pwned\u0007"}`, "user list"},
		{"a secret of two lines", `200 {"client_id":"a","client_secret":"b\nrm -rf /"}`, "client rotate-secret a"},
		{"a list without an end", `200 {"users":[],"next":"a"}`, "user list"},
		{"a page", `200 <html>`, "user list"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var status int
			code, body, _ := strings.Cut(tt.answer, " ")
			if _, err := fmt.Sscan(code, &status); err != nil {
				t.Fatal(err)
			}
			evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			}))
			defer evil.Close()
			s := &testServer{t: t, Dir: t.TempDir()}
			got := s.try("", []string{"USHER_SERVER=" + evil.URL, "USHER_TOKEN=x"}, strings.Fields(tt.command)...)
			if got.Status != 1 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 || strings.ContainsAny(got.Stderr, "\x1b\x07") {
				t.Errorf("got %+v, want one line that says what is wrong", got)
			}
		})
	}
}
