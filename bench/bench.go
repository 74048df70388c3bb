package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/usher-oauth/usher/bench/report"
	"github.com/usher-oauth/usher/internal/postgrestest"
)

const module = "github.com/usher-oauth/usher"

// bench is one run: its programs, its folder, its PostgreSQL.
type bench struct {
	options
	root    string // of the repository
	folder  string // of the run, on a disk
	commit  string
	cluster *postgrestest.Cluster // nil before the first that asks
	sites   int                   // made so far
}

// newBench builds the programs. The caller closes it.
func newBench(ctx context.Context, o options) (*bench, error) {
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, root: root, commit: report.Commit(root)}
	if b.folder, err = diskFolder(); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	if b.cluster != nil {
		b.cluster.Kill()
	}
	return os.RemoveAll(b.folder)
}

func (b *bench) build(ctx context.Context) error {
	for _, name := range []string{"cmd/usher", "bench/bare", "bench/load"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program(filepath.Base(name)), module+"/"+name)
		cmd.Dir = b.root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// program is where a program was built.
func (b *bench) program(name string) string { return filepath.Join(b.folder, "bin-"+name) }

// diskFolder makes a folder that is not in memory, where a commit would cost nothing.
func diskFolder() (string, error) {
	folder, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return "", err
	}
	// PostgreSQL has an account of its own and must get through.
	if err := os.Chmod(folder, 0o755); err != nil {
		return "", err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return "", err
	}
	const tmpfs = 0x01021994 // TMPFS_MAGIC, statfs(2)
	if int64(fs.Type) == tmpfs {
		return "", errors.Join(fmt.Errorf("%s is in memory, where a commit costs nothing: name a folder on a disk in TMPDIR", folder), os.RemoveAll(folder))
	}
	return folder, nil
}

// run asks every question that is wanted.
func (b *bench) run(ctx context.Context) (report.Run, error) {
	run := report.Run{
		Date: time.Now().UTC().Truncate(time.Second), Commit: b.commit, Machine: report.ThisMachine(),
		Rounds: b.rounds, Seconds: b.time.Seconds(), Connections: b.connections,
	}
	run.LoadAverage[0] = report.LoadAverage()
	var errs []error
	for _, engine := range []string{sqlite, postgres} {
		for _, q := range questions {
			if !b.wants(q, engine) {
				continue
			}
			rows, err := q.ask(ctx, b, engine)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s on %s: %w", q.name, engine, err))
			}
			for i := range rows {
				rows[i].Engine = engine
			}
			run.Rows = append(run.Rows, rows...)
		}
	}
	run.LoadAverage[1] = report.LoadAverage()
	return run, errors.Join(errs...)
}

// progress tells who waits what is done now.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// output runs a program and returns what it prints, without the end of the line.
func output(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}
