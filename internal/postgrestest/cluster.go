package postgrestest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a PostgreSQL server of a test's own.
type Cluster struct {
	URL string // of a superuser, at 127.0.0.1
	Dir string // of its data

	port    int
	bin     string
	account *syscall.Credential
	server  *exec.Cmd
	exited  chan struct{}
	log     string
}

// errNone says what is missing.
var errNone = errors.New("no PostgreSQL on this machine: install it (Debian: apt-get install postgresql), or name a server in USHER_TEST_POSTGRES")

// NewCluster makes and starts a cluster that t ends, with lines added to its
// postgresql.conf. Each acknowledged commit is on disk, unless the lines say other.
func NewCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := Create(t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

// Create is NewCluster for a program that is no test: it makes the cluster in a
// folder that the caller removes after [Cluster.Kill].
func Create(parent string, settings ...string) (*Cluster, error) {
	c, err := prepare(parent)
	if err != nil {
		return nil, err
	}
	if err := c.run("initdb", "-D", c.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	return c, c.configure(settings)
}

// prepare finds the binaries, a port, and a folder that the server's account owns:
// PostgreSQL refuses to run as root.
func prepare(parent string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		bin: bin, port: port,
		URL: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres", port),
		Dir: filepath.Join(parent, "data"),
		log: filepath.Join(parent, "log"),
	}
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return c, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, uerr := strconv.Atoi(account.Uid)
	gid, gerr := strconv.Atoi(account.Gid)
	if err := errors.Join(uerr, gerr); err != nil {
		return nil, err
	}
	c.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	// The folders of a test are its user's alone; the server has to get through.
	for dir := parent; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return nil, err
		}
	}
	return c, os.Chown(c.Dir, uid, gid)
}

// binaries returns the folder of the newest PostgreSQL's programs.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNone
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (c *Cluster) configure(settings []string) error {
	text := strings.Join(append([]string{
		"listen_addresses = '127.0.0.1'",
		"port = " + strconv.Itoa(c.port),
		"unix_socket_directories = ''",
		"max_connections = 400",
	}, settings...), "\n") + "\n"
	f, err := os.OpenFile(filepath.Join(c.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return c.Start()
}

// Standby makes and starts a streaming copy of the cluster.
func (c *Cluster) Standby(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	s, err := prepare(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	if err := s.run("pg_basebackup", "-d", c.URL, "-D", s.Dir, "-R", "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		t.Fatal(err)
	}
	if err := s.configure(settings); err != nil {
		t.Fatal(err)
	}
	return s
}

// Promote makes a standby the primary.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	if err := c.run("pg_ctl", "-D", c.Dir, "-w", "promote"); err != nil {
		t.Fatal(err)
	}
}

// Start starts a cluster that is stopped, and returns once it answers.
func (c *Cluster) Start() error {
	out, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	c.server = c.command("postgres", "-D", c.Dir)
	c.server.Stdout, c.server.Stderr = out, out
	if err := c.server.Start(); err != nil {
		return err
	}
	dismiss, err := watchman(c.server.Process.Pid)
	if err != nil {
		return err
	}
	exited := make(chan struct{})
	c.exited = exited
	go func() {
		c.server.Wait() // the exit status tells nothing that the log does not
		dismiss()       // before the pid is another's
		close(exited)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if c.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(c.port)) == nil {
			return nil
		}
		select {
		case <-exited:
			text, _ := os.ReadFile(c.log)
			return fmt.Errorf("PostgreSQL ended at once:\n%s", text)
		case <-tick.C:
		}
	}
	return errors.New("PostgreSQL does not answer within a minute")
}

// watchman reads from this process and kills the server when that ends: a test that
// is killed or times out runs no cleanup, but its pipes close.
func watchman(pid int) (stop func(), err error) {
	cmd := exec.Command("sh", "-c", "cat; kill -9 "+strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait() // killed, and closes the pipe
	}, nil
}

// Kill ends the server and all its processes at once, as a power cut would.
func (c *Cluster) Kill() {
	if c.server == nil || c.ended() {
		return
	}
	// Its processes are killed before the first one, for those who outlive that see
	// to an end of their own, and may show what they committed alone. Errors mean
	// that a process has ended.
	pid := c.server.Process.Pid
	syscall.Kill(pid, syscall.SIGSTOP) // so that it starts no other
	for _, child := range children(pid) {
		syscall.Kill(child, syscall.SIGKILL)
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	<-c.exited
}

// KillFirst ends the server's first process alone, as the kernel does when memory
// is short. The others end when they next look for it.
func (c *Cluster) KillFirst() {
	syscall.Kill(-c.server.Process.Pid, syscall.SIGKILL) // each of the others leads a group of its own
	<-c.exited
}

func (c *Cluster) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// children returns the processes that pid started, none on a system without /proc.
func children(pid int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, may hold anything; state and parent follow it.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
			found = append(found, child)
		}
	}
	return found
}

// command runs one of PostgreSQL's programs as the server's account, in a process
// group of its own, which dies with the test.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.account}
	return cmd
}

func (c *Cluster) run(name string, args ...string) error {
	cmd := c.command(name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, &out)
	}
	return nil
}
