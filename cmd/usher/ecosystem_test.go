package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// The programs in testdata/clients use libraries of other projects, and clients
// made of the OpenAPI document, as their documentation says.
func TestClientsOfOtherProjects(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T) (dir string, program []string){
		"openid-client": func(t *testing.T) (string, []string) {
			return npmClients(t), []string{"node", "openid-client.js"}
		},
		"simple-oauth2": func(t *testing.T) (string, []string) {
			return npmClients(t), []string{"node", "simple-oauth2.js"}
		},
		"requests-oauthlib": func(t *testing.T) (string, []string) {
			return clients, []string{python(t, "requests_oauthlib"), "with_requests_oauthlib.py"}
		},
		"openapi-typescript": func(t *testing.T) (string, []string) {
			dir := copied(t, npmClients(t))
			const bin = "node_modules/.bin/"
			output(t, dir, bin+"openapi-typescript", document(t), "-o", "usher.ts")
			output(t, dir, bin+"tsc", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "openapi-fetch.ts")
			return dir, []string{"node", "openapi-fetch.js"}
		},
		"oapi-codegen": func(t *testing.T) (string, []string) {
			dir := copied(t, filepath.Join(clients, "oapi-codegen"))
			output(t, dir, "go", "tool", "oapi-codegen", "-config", "oapi-codegen.yaml", document(t))
			return dir, []string{"go", "run", "."}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, program := prepare(t)
			tellStory(t, dir, program)
		})
	}
}

// tellStory runs a program and compares what it saw.
func tellStory(t *testing.T, dir string, program []string) {
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
	var got story
	decode(t, output(t, dir, program[0], append(program[1:], string(given))...), &got)
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

// output runs a command to its end and returns what it printed.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, &stdout, &stderr)
	}
	return stdout.String()
}

var clients = filepath.Join("testdata", "clients")

// npmClients is the folder of the clients once their npm packages are there.
func npmClients(t *testing.T) string {
	t.Helper()
	installed(t, clients)
	return clients
}

// copied is a copy of a folder, for what writes into it.
func copied(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	layOut(t, folder, dir, strings.NewReplacer())
	return dir
}

// document is the path of the OpenAPI document.
func document(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "docs", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return path
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
