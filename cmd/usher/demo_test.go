package main

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What the demo prints is pasted into a real bash, which runs the real curl.
func TestDemoLinesWorkAsPasted(t *testing.T) {
	t.Parallel()
	s := startServer(t, "demo")
	eventually(t, "the demo prints its lines", func() (bool, string) {
		_, last, _ := strings.Cut(s.Stdout(), "# Log out")
		return strings.HasSuffix(last, "/users/me; echo\n"), s.Stdout() // and not half of them
	})
	out, err := exec.Command("bash", "-eu", "-c", s.Stdout()).CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, out)
	}
	for _, want := range []string{
		`"access_token":`,
		`"refresh_token":`,
		`"username":"johndoe"`,
		`"full_name":"John Doe"`,
		`"Hello, authenticated user!"`,
		`"active":true`,
		`"error":"invalid_token"`, // after logging out
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("got no %s in what the lines print:\n%s\nlines:\n%s", want, out, s.Stdout())
		}
	}
	if strings.Contains(string(out), `"active":false`) {
		t.Errorf("got an inactive token:\n%s", out)
	}

	folder := regexp.MustCompile(`database in (\S+),`).FindStringSubmatch(s.Stdout())
	if folder == nil {
		t.Fatalf("got no folder in:\n%s", s.Stdout())
	}
	if _, err := os.Stat(folder[1]); err != nil {
		t.Errorf("the folder of the database: %v", err)
	}
	if got := s.Stop(); got != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", got, s.Logs())
	}
	if _, err := os.Stat(folder[1]); !os.IsNotExist(err) {
		t.Errorf("the folder of the database is left behind: %v", err)
	}
}

func TestDemoStartsAgainOnItsDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startServerIn(t, dir, "demo", "--database", "sqlite:demo.db")
	before := first.login("", demoUser, demoPassword)
	first.usherStdin("another password\n", "user", "set-password", demoUser, "--password-stdin", "--database", "sqlite:demo.db")
	first.usher("user", "add", "ann", "--generate-password", "--database", "sqlite:demo.db")
	first.Stop()

	second := startServerIn(t, dir, "demo", "--database", "sqlite:demo.db")
	second.login("", demoUser, demoPassword)
	if status, body := second.get(second.URL+"/users/me", before.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("token from before the password changed: got %d %s, want 401", status, body)
	}
}

// A password that everyone knows must not get into a database in earnest, by a
// variable that was left set for example.
func TestDemoRefusesOtherDatabases(t *testing.T) {
	t.Parallel()
	s := &testServer{t: t, Dir: t.TempDir()}
	s.usher("user", "add", "ann", "--generate-password")
	out, err := s.command("demo", "--database", "sqlite:usher.db").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not of a demo") {
		t.Errorf("got %v: %s, want a refusal", err, out)
	}
	if got := s.usher("user", "list"); strings.Contains(got, demoUser) {
		t.Errorf("got the demo's user in another database:\n%s", got)
	}
}
