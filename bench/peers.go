package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/usher-oauth/usher/bench/report"
)

var peerAddress = regexp.MustCompile(`^(127\.0\.0\.1:\d+)$`)

// besidePeers asks what others take for the same: an app in the manner of the FastAPI
// tutorial, and a token endpoint on a library of Node. Both keep in memory what usher
// has on disk, and neither can end a token before its time.
func besidePeers(ctx context.Context, b *bench, engine string) (rows []report.Row, err error) {
	const cost = 10
	return with(ctx, b, engine, cost, nil, func(p *pair) ([]report.Row, error) {
		s := p.usher.site
		node, err := b.peer(ctx, "node", "node", "server.js", confidential, s.secret, public, userPassword)
		if err != nil {
			return nil, err
		}
		python, err := b.peer(ctx, "fastapi", "/usr/bin/python3", "main.py", userPassword, fmt.Sprint(cost))
		if err != nil {
			return nil, errors.Join(err, node.stop())
		}
		p.running = append(p.running, node, python)
		return p.againstPeers(ctx, client{node.address, s}, client{python.address, s}, cost)
	})
}

// againstPeers makes a row of each thing that a peer can do too.
func (p *pair) againstPeers(ctx context.Context, node, python client, cost int) (rows []report.Row, err error) {
	const library, tutorial = "@node-oauth/oauth2-server, in memory", "the FastAPI tutorial's app"
	login, err := token(ctx, python.password("/token"))
	if err != nil {
		return nil, err
	}
	ours, err := p.usher.sessions(ctx, p.b.connections)
	if err != nil {
		return nil, err
	}
	theirs, err := node.sessions(ctx, p.b.connections)
	if err != nil {
		return nil, err
	}
	for _, row := range []struct {
		name, does, peer string
		usher, other     *contender
	}{
		{"peers: client_credentials", "`POST /token`, ES256; the peer's token is random", library,
			p.contender("usher", p.usher.clientCredentials("/token")), p.contender(library, node.clientCredentials("/token"))},
		{"peers: refresh", "`POST /token` with the refresh token of the answer before; the peer writes nothing to disk", library,
			p.contender("usher", p.usher.refresh("/token", ours)), p.contender(library, node.refresh("/token", theirs))},
		{"peers: login", fmt.Sprintf("`POST /token` with a password, at cost %d", cost), tutorial,
			p.contender("usher", p.usher.password("/token")), p.contender(tutorial, python.password("/token"))},
		{"peers: /users/me", "`GET /users/me` with a user's access token; the peer's is HS256", tutorial,
			p.contender("usher", p.usher.me("/users/me", p.login.Access)), p.contender(tutorial, python.me("/users/me", login.Access))},
	} {
		more, err := p.contest(ctx, report.Row{Name: row.name, Does: row.does, Against: row.peer}, []*contender{row.usher, row.other},
			figure{"against the peer", row.usher, row.other, 1})
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// peer starts the server of a folder beneath bench/peers.
func (b *bench) peer(ctx context.Context, folder, program string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(b.root, "bench/peers", folder)
	return launch(cmd, peerAddress)
}
