package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// patience is how long a program may take for what should take a moment.
const patience = 30 * time.Second

// process is a server that runs.
type process struct {
	address string // HOST:PORT
	cmd     *exec.Cmd
	ended   chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// launch starts a server and returns once a line of its output says, as the first
// group of the pattern, where it listens.
func launch(cmd *exec.Cmd, address *regexp.Regexp) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	dismiss, err := watchman(p.pid())
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	go func() {
		cmd.Wait() //nolint:errcheck // the status stays in cmd.ProcessState
		dismiss()  // before the id is another's
		w.Close()
	}()
	found := make(chan string, 1)
	go p.follow(r, address, found)
	select {
	case p.address = <-found:
		return p, nil
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
	}
	return nil, fmt.Errorf("%s does not listen:\n%s", filepath.Base(cmd.Path), p.output())
}

// watchman kills the process of that id when this one ends: a run that is killed would
// leave servers behind, which disturb the next.
func watchman(pid int) (dismiss func(), err error) {
	cmd := exec.Command("sh", "-c", "cat; kill -9 "+strconv.Itoa(pid)) //nolint:noctx // it is to outlive every context
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := cmd.StdinPipe(); err != nil { // which closes with us
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // fails only where it has ended
		cmd.Wait()                                      //nolint:errcheck // killed, and closes the pipe
	}, nil
}

// follow keeps what the process says until its end.
func (p *process) follow(r io.Reader, address *regexp.Regexp, found chan<- string) {
	defer close(p.ended)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.mu.Lock()
		p.said.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if m := address.FindStringSubmatch(lines.Text()); m != nil && found != nil {
			found <- m[1]
			found = nil
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// stop asks the process to end and waits until it has.
func (p *process) stop() error {
	if err := p.interrupt(); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s does not stop:\n%s", filepath.Base(p.cmd.Path), p.output())
	}
}

func (p *process) interrupt() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w\n%s", filepath.Base(p.cmd.Path), err, p.output())
	}
	return nil
}

func (p *process) kill() {
	p.cmd.Process.Kill() //nolint:errcheck // fails only where it has ended
	<-p.ended
}

// processes are several, stopped together.
type processes []*process

func (all processes) stop() error {
	var errs []error
	for _, p := range all {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// bare starts the server that usher is compared with.
func (b *bench) bare(ctx context.Context, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, b.program("bare"), args...)
	if _, err := cmd.StdinPipe(); err != nil { // it ends with us
		return nil, err
	}
	return launch(cmd, regexp.MustCompile(`^(127\.0\.0\.1:\d+)$`))
}
