package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// The engines.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

const (
	userName     = "ann"
	userPassword = "correct horse battery staple"
	confidential = "job" // the client that has a secret
	public       = "web" // the one that has none
)

// site is an installation of usher: a folder, a database of its own, users and
// clients.
type site struct {
	b        *bench
	dir      string
	database string   // its URL
	flags    []string // of serve, beyond what every site has
	secret   string   // of the confidential client
}

// newSite makes an installation as an operator would: users by import, clients by
// client add. The cost is bcrypt's; 0 leaves usher's own.
func (b *bench) newSite(ctx context.Context, engine string, cost int, flags ...string) (*site, error) {
	s, err := b.emptySite(ctx, engine)
	if err != nil {
		return nil, err
	}
	s.flags = append(s.flags, flags...)
	var hashing []string
	if cost != 0 {
		hashing = []string{"--bcrypt-cost", fmt.Sprint(cost)}
		s.flags = append(s.flags, hashing...)
	}
	users := filepath.Join(s.dir, "users.jsonl")
	var lines strings.Builder
	for _, name := range []string{userName, "ben", "cleo", "dan"} {
		fmt.Fprintf(&lines, `{"username":%q,"password":%q,"email":"%[1]s@example.com","full_name":"Some Body"}`+"\n", name, userPassword)
	}
	if err := os.WriteFile(users, []byte(lines.String()), 0o600); err != nil {
		return nil, err
	}
	if _, err := s.usher(ctx, append([]string{"user", "import", users}, hashing...)...); err != nil {
		return nil, err
	}
	if _, err := s.usher(ctx, "client", "add", public, "--public", "--grants", "password,refresh_token"); err != nil {
		return nil, err
	}
	s.secret, err = s.usher(ctx, "client", "add", confidential, "--grants", "client_credentials", "--introspect")
	return s, err
}

func (b *bench) emptySite(ctx context.Context, engine string) (*site, error) {
	b.sites++
	s := &site{b: b, dir: filepath.Join(b.folder, fmt.Sprintf("site-%d", b.sites))}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, err
	}
	if engine == sqlite {
		s.database = "sqlite:" + filepath.Join(s.dir, "usher.db")
		return s, nil
	}
	var err error
	if s.database, err = b.postgresDatabase(ctx, fmt.Sprintf("site_%d", b.sites)); err != nil {
		return nil, err
	}
	master := filepath.Join(s.dir, "master.key")
	s.flags = []string{"--master-key-file", master}
	_, err = s.usher(ctx, "key", "new-master", master)
	return s, err
}

// postgresDatabase makes a database in the cluster of the run, whose commits are on
// disk when they are acknowledged, and returns its URL.
func (b *bench) postgresDatabase(ctx context.Context, name string) (_ string, err error) {
	if b.cluster == nil {
		if b.cluster, err = postgrestest.Create(b.folder); err != nil {
			return "", err
		}
	}
	db, err := sql.Open("pgx", b.cluster.URL) // the driver that package storage brings
	if err != nil {
		return "", err
	}
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+name)
	if err := errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	u, err := url.Parse(b.cluster.URL)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// usher runs one command of the operator's and returns what it prints.
func (s *site) usher(ctx context.Context, args ...string) (string, error) {
	cmd := s.command(ctx, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("usher %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// command is usher beside this database, with no variable of whoever measures.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.b.program("usher"), args...)
	cmd.Dir = s.dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "USHER_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "USHER_DATABASE="+s.database)
	return cmd
}

// serving is the command that serves at an address.
func (s *site) serving(ctx context.Context, addr string) *exec.Cmd {
	return s.command(ctx, append([]string{"serve", "--addr", addr, "--admin-addr", "127.0.0.1:0", "--log-level", "warn"}, s.flags...)...)
}

// serve starts the server.
func (s *site) serve(ctx context.Context) (*process, error) {
	return launch(s.serving(ctx, "127.0.0.1:0"), regexp.MustCompile(`\blistening\b.*\burl=http://(127\.0\.0\.1:\d+)`))
}

// site makes an installation and starts it.
func (b *bench) site(ctx context.Context, engine string, cost int, flags ...string) (*site, *process, error) {
	s, err := b.newSite(ctx, engine, cost, flags...)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.serve(ctx)
	return s, p, err
}
