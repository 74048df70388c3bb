package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// completions is what bash would offer after a line; the last word is the one
// under the cursor. Words are split as readline does, at = too.
func completions(t *testing.T, script string, words ...string) string {
	t.Helper()
	const ask = `
		source "$1"; shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_usher
		echo "${COMPREPLY[@]}"`
	out, err := exec.Command("bash", append([]string{"-euc", ask, "bash", script}, words...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("completing %q: %v\n%s", words, err, out)
	}
	return strings.TrimSpace(string(out))
}

// completionScript returns a file with the script for a shell.
func completionScript(t *testing.T, shell string) string {
	t.Helper()
	script, err := exec.Command("usher", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "set-password") {
		t.Fatalf("got a script without the commands:\n%s", script)
	}
	path := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBashCompletion(t *testing.T) {
	t.Parallel()
	script := completionScript(t, "bash")
	for _, tt := range []struct {
		line []string
		want string
	}{
		{[]string{"usher", "se"}, "serve"},
		{[]string{"usher", "user", "set"}, "set-password set-scopes"},
		{[]string{"usher", "user", "add", "--ful"}, "--full-name"},
		{[]string{"usher", "user", "add", "ann", "--password"}, "--password-stdin"},
		{[]string{"usher", "serve", "--signing-alg", ""}, "ES256 RS256 EdDSA"},
		{[]string{"usher", "serve", "--signing-alg", "=", "R"}, "RS256"},
		{[]string{"usher", "serve", "--log-format", "="}, "text json"},
		{[]string{"usher", "key", "rotate", "--alg", "E"}, "ES256 EdDSA"},
		{[]string{"usher", "audience", "add", "--typ", ""}, "at+jwt JWT"},
		{[]string{"usher", "completion", ""}, "bash zsh fish"},
		{[]string{"usher", "serve", "--tls-cert", "se"}, ""}, // left to the names of files
		{[]string{"usher", "user", "add", "list", "--js"}, "--json"},
	} {
		if got := completions(t, script, tt.line...); got != tt.want {
			t.Errorf("%s: got %q, want %q", strings.Join(tt.line, " "), got, tt.want)
		}
	}
	if got := completions(t, script, "usher", ""); !strings.HasPrefix(got, "demo serve user client audience key token ") {
		t.Errorf("usher: got %q, want all commands", got)
	}
}

// Where the other shells are installed, they at least understand their script.
func TestOtherShellsReadTheirScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			script := completionScript(t, shell)
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			if out, err := exec.Command(shell, "-n", script).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", shell, err, out)
			}
		})
	}
}
