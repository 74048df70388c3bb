package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

// pair is usher and the bare server, both running.
type pair struct {
	b           *bench
	usher, bare client
	running     processes // usher, bare
	login       tokens    // of a user at usher
}

// What both have to offer under the same bytes.
const (
	jwksPath     = "/.well-known/jwks.json"
	metadataPath = "/.well-known/oauth-authorization-server"
)

// pair starts both servers. The caller stops them.
func (b *bench) pair(ctx context.Context, engine string, cost int, flags ...string) (*pair, error) {
	p := &pair{b: b}
	s, process, err := b.site(ctx, engine, cost, flags...)
	if err != nil {
		return nil, err
	}
	p.running = processes{process}
	p.usher = client{process.address, s}
	if err := p.startBare(ctx, engine, cost); err != nil {
		return nil, errors.Join(err, p.running.stop())
	}
	return p, nil
}

// startBare makes the bare server answer with what has usher's size.
func (p *pair) startBare(ctx context.Context, engine string, cost int) (err error) {
	s := p.usher.site
	job, err := token(ctx, p.usher.clientCredentials("/token"))
	if err != nil {
		return err
	}
	if p.login, err = token(ctx, p.usher.password("/token")); err != nil {
		return err
	}
	files := filepath.Join(s.dir, "files")
	if err := os.Mkdir(files, 0o700); err != nil {
		return err
	}
	for _, path := range []string{jwksPath, metadataPath} {
		body, err := once(ctx, p.usher.get(path, ""))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(files, filepath.Base(path)), body, 0o600); err != nil {
			return err
		}
	}
	database := "sqlite:" + filepath.Join(s.dir, "bare.db")
	if engine == postgres {
		if database, err = p.b.postgresDatabase(ctx, fmt.Sprintf("bare_%d", p.b.sites)); err != nil {
			return err
		}
	}
	args := []string{"-token-bytes", signedBytes(job.Access), "-files", files, "-password", userPassword,
		"-database", database, "-rows", fmt.Sprint(p.b.connections)}
	if cost != 0 {
		args = append(args, "-cost", fmt.Sprint(cost))
	}
	process, err := p.b.bare(ctx, args...)
	if err != nil {
		return err
	}
	p.running = append(p.running, process)
	p.bare = client{process.address, s}
	return nil
}

// contender sends a stream to the server that it names.
func (p *pair) contender(name string, s measure.Stream) *contender {
	for _, server := range p.running {
		if server.address == s.Address {
			return &contender{name: name, server: server, main: s}
		}
	}
	panic("no server of the pair listens at " + s.Address)
}

// figure is a ratio that the answer to a question has to reach.
type figure struct {
	name        string
	over, under *contender
	goal        float64
}

// contest lets contenders compete and compares their rates.
func (p *pair) contest(ctx context.Context, row report.Row, contenders []*contender, figures ...figure) ([]report.Row, error) {
	if err := p.b.contest(ctx, row.Name, contenders...); err != nil {
		return nil, err
	}
	row.Measures = measures(contenders...)
	for _, f := range figures {
		r, err := rates(f.name, f.over, f.under, f.goal)
		if err != nil {
			return nil, err
		}
		row.Figures = append(row.Figures, r)
	}
	return []report.Row{row}, nil
}
