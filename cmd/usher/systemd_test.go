package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemd passes the socket and is told of each step; a connection that comes while
// no server runs waits for the next one.
func TestARestartUnderSystemdRefusesNoConnection(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	socket, address := openSocket(t)
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(at.dir, "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	hears := func(want string) {
		t.Helper()
		if err := told.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, 1024)
		n, err := told.Read(message)
		if err != nil || !strings.HasPrefix(string(message[:n]), want) {
			t.Fatalf("systemd hears %q (%v), want %s", message[:n], err, want)
		}
	}
	url := "http://" + address
	start := func() *exec.Cmd {
		t.Helper()
		cmd := (&testServer{Dir: at.dir}).command("serve", "--issuer", url)
		passSocket(cmd, socket, "public")
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+told.LocalAddr().String())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd
	}
	stop := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		hears("STOPPING=1")
		if err := cmd.Wait(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	}
	first := start()
	hears("READY=1")
	if err := first.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	stop(first)

	answered := make(chan string, 1)
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "/healthz")
		if err != nil {
			answered <- err.Error()
			return
		}
		res.Body.Close()
		answered <- res.Status
	}()
	second := start()
	hears("READY=1")
	if got := <-answered; got != "200 OK" {
		t.Errorf("asked between two servers: got %s, want 200", got)
	}
	stop(second)
}

// openSocket returns a socket that listens, and its address.
func openSocket(t *testing.T) (socket *os.File, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	socket, err = listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket, listener.Addr().String()
}

// passSocket has a command get a socket as systemd passes one, which knows the process
// id before the program begins.
func passSocket(cmd *exec.Cmd, socket *os.File, name string) {
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, cmd.Args...)
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
	cmd.ExtraFiles = []*os.File{socket} // is number 3
}

func TestSocketsOfOtherNamesAreRefused(t *testing.T) {
	t.Parallel()
	socket, _ := openSocket(t)
	cmd := (&testServer{Dir: t.TempDir()}).command("serve")
	passSocket(cmd, socket, "usher.socket")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FileDescriptorName=public or admin") {
		t.Errorf("got %v, %s", err, out)
	}
}

// The units name a program and flags that there are, and systemd finds no fault.
func TestUnitsAreWhatSystemdTakes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd on this machine")
	}
	program, err := exec.LookPath("usher")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"usher.service", "usher@.service", "usher.socket"} {
		text := strings.ReplaceAll(readPage(t, "deploy/systemd/"+name), "/usr/local/bin/usher", program)
		file := filepath.Join(dir, strings.Replace(name, "@", "@8011", 1))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		units = append(units, file)
	}
	if out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
