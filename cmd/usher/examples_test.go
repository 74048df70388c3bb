package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// background runs a command and all that it starts until the end of the test, and
// returns once something listens at the address.
func background(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // to end the whole group
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails only where all have ended
		<-exited
		if t.Failed() {
			t.Logf("output of %v:\n%s", cmd.Args, &out)
		}
	})
	go func() {
		cmd.Wait() // returns when nothing of the group can write any more
		close(exited)
	}()
	eventually(t, address+" is listened at", func() (bool, string) {
		select {
		case <-exited:
			t.Fatalf("%v ended: %v", cmd.Args, cmd.ProcessState)
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false, err.Error()
		}
		conn.Close()
		return true, ""
	})
}

// layOut copies the files of an example, with the addresses that hold here.
func layOut(t *testing.T, from, to string, addresses *strings.Replacer) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if entry.IsDir() {
			source, err = filepath.Abs(source)
			if err == nil {
				err = os.Symlink(source, target) // node_modules
			}
		} else {
			var text []byte
			if text, err = os.ReadFile(source); err == nil {
				err = os.WriteFile(target, []byte(addresses.Replace(string(text))), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tools returns the variables by which an example finds its tools although home is
// not that of the user.
func tools(t *testing.T, home string) []string {
	t.Helper()
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	workspace := filepath.Join(home, "go.work")
	if err := os.WriteFile(workspace, []byte("go 1.26.0\nuse "+checkout+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + home, "GOWORK=" + workspace}
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	interpreter, err := exec.LookPath(python(t, "fastapi", "uvicorn", "jwt", "cryptography"))
	if err == nil {
		err = os.Symlink(interpreter, filepath.Join(home, "python3"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(env, "PATH="+home+":"+os.Getenv("PATH"))
}

// What the page on the tutorial says an app becomes is the example.
func TestTheDiffOfTheTutorialLeadsToTheExample(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "docs/from-fastapi.md")
	i := slices.IndexFunc(blocks, func(b block) bool { return b.info == "diff" })
	if i < 0 {
		t.Fatal("got no diff in the page")
	}
	rest := readPage(t, "examples/fastapi/main.py")
	for line := range strings.Lines(blocks[i].text) {
		if strings.HasPrefix(line, "-") || strings.TrimSpace(line) == "" {
			continue
		}
		_, after, found := strings.Cut(rest, line[1:])
		if !found {
			t.Errorf("%q is not next in main.py", line[1:])
			continue
		}
		rest = after
	}
}
