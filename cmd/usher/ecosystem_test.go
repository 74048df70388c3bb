package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// story is what a client of another project saw: a login, a refresh, a call, a
// revocation, a wrong password, and a token for itself.
type story struct {
	Scope     string `json:"scope"`
	Seconds   int    `json:"seconds"` // of life, as the answer said
	Refreshed bool   `json:"refreshed"`
	Username  string `json:"username"` // of /users/me
	Revoked   string `json:"revoked"`  // an access token after its revocation
	Refused   int    `json:"refused"`  // the status that Revoked got
	Error     string `json:"error"`    // of a wrong password
	ErrorText string `json:"error_description"`
	Machine   string `json:"machine"` // scope of client_credentials
}

// The programs in testdata/clients use libraries of other projects as their
// documentation says, with nothing but an address.
func TestClientsOfOtherProjects(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]func(t *testing.T) []string{
		"openid-client": func(t *testing.T) []string { return node(t, "openid-client.js") },
		"simple-oauth2": func(t *testing.T) []string { return node(t, "simple-oauth2.js") },
		"requests-oauthlib": func(t *testing.T) []string {
			return []string{python(t, "requests_oauthlib"), "with_requests_oauthlib.py"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellStory(t, program(t))
		})
	}
}

// tellStory runs a program of testdata/clients and compares what it saw.
func tellStory(t *testing.T, program []string) {
	t.Helper()
	s := newServer(t)
	const secret = "a brought s%cret: unusual +" // one that each library encodes in its own way
	s.usherStdin(secret, "client", "add", "batch", "--grants", "client_credentials", "--scopes", "jobs", "--secret-stdin")
	given, err := json.Marshal(map[string]string{
		"url": s.URL, "username": "ann", "password": annsPassword, "machine": "batch", "secret": secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program[0], append(program[1:], string(given))...)
	cmd.Dir = filepath.Join("testdata", "clients")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	var got story
	decode(t, stdout.String(), &got)
	s.wants(http.StatusUnauthorized, got.Revoked, "the token it revoked")
	want := story{
		Scope: "profile", Seconds: 1800, Refreshed: true, Username: "ann",
		Revoked: got.Revoked, Refused: http.StatusUnauthorized,
		Error: "invalid_grant", ErrorText: "Incorrect username or password",
		Machine: "jobs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what %v saw (-want +got):\n%s", program, diff)
	}
}

// node returns the command that runs a script of testdata/clients.
func node(t *testing.T, script ...string) []string {
	t.Helper()
	installed(t, filepath.Join("testdata", "clients"))
	return append([]string{"node"}, script...)
}

// installed demands the packages of a folder's package-lock.json.
func installed(t *testing.T, folder string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		t.Fatalf("%v: run make needs", err)
	}
}

// python returns an interpreter that has the modules. Debian's packages are for
// its own one, which need not be the first in the PATH.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	var said []byte
	for _, interpreter := range []string{"python3", "/usr/bin/python3"} {
		script := "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
		out, err := exec.Command(interpreter, append([]string{"-c", script}, modules...)...).CombinedOutput()
		if err == nil {
			return interpreter
		}
		said = append(append(said, out...), err.Error()...)
	}
	t.Fatalf("no Python has the modules %v: run make needs\n%s", modules, said)
	return ""
}
