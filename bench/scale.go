package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

const (
	scaleName        = "scale"
	scaleUsers       = 100_000
	scaleAsking      = 200 // users that make the requests; the empty database has no others
	scaleGrants      = 1_000_000
	scaleRevocations = 100_000
	scaleCost        = 4 // of passwords, so that hashing does not hide the rest
)

// scaling asks what a full database costs against an empty one.
func scaling(ctx context.Context, b *bench, engine string) (rows []report.Row, err error) {
	var running processes
	defer func() { err = errors.Join(err, running.stop()) }()
	var clients []client
	for _, users := range []int{scaleAsking, scaleUsers} {
		s, err := b.newSite(ctx, engine, scaleCost)
		if err != nil {
			return nil, err
		}
		if err := s.seed(ctx, users, users > scaleAsking); err != nil {
			return nil, fmt.Errorf("filling the database: %w", err)
		}
		p, err := s.serve(ctx)
		if err != nil {
			return nil, err
		}
		running = append(running, p)
		clients = append(clients, client{p.address, s})
	}
	return b.scaled(ctx, running, clients)
}

// scaled compares the two servers, the empty one first.
func (b *bench) scaled(ctx context.Context, running processes, clients []client) ([]report.Row, error) {
	contenders := make(map[string][]*contender)
	names := []string{"introspection", "/users/me", "refresh", "login, cost 4"}
	for i, c := range clients {
		logins, access, refresh, err := c.askers(ctx, []int{scaleAsking, scaleUsers}[i], b.connections)
		if err != nil {
			return nil, err
		}
		introspections := c.introspect("/introspect", "")
		introspections.Turns = access
		for name, stream := range map[string]*contender{
			names[0]: {main: introspections},
			names[1]: {main: c.me("/users/me", access[0])},
			names[2]: {main: c.refresh("/token", refresh[:b.connections])},
			names[3]: {main: logins},
		} {
			stream.name, stream.server = []string{"empty", "full"}[i], running[i]
			contenders[name] = append(contenders[name], stream)
		}
	}
	var rows []report.Row
	for _, name := range names {
		empty, full := contenders[name][0], contenders[name][1]
		row := report.Row{
			Name:    name + " beside a million",
			Does:    "the same on a database with 1,000,000 living sessions of 100,000 users, and 100,000 revocations of tokens that could still live",
			Against: "usher on a database without. On both, 200 users make the requests",
		}
		if err := b.contest(ctx, row.Name, empty, full); err != nil {
			return nil, err
		}
		row.Measures = measures(empty, full)
		f, err := rates("full against empty", full, empty, 0.90)
		if err != nil {
			return nil, err
		}
		row.Figures = []report.Figure{f}
		rows = append(rows, row)
	}
	return rows, nil
}

// askers logs in those that make requests, of a database with so many users, and
// returns the stream of their logins and their tokens, for as many connections at
// least.
func (c client) askers(ctx context.Context, users, connections int) (logins measure.Stream, access, refresh []string, err error) {
	logins = c.passwordOf("/token", "")
	logins.Body += "&username="
	for i := range max(scaleAsking, connections) {
		name := scaleUser(users, i%scaleAsking)
		logins.Turns = append(logins.Turns, name)
		t, err := token(ctx, c.passwordOf("/token", name))
		if err != nil {
			return logins, nil, nil, err
		}
		access, refresh = append(access, t.Access), append(refresh, t.Refresh)
	}
	return logins, access, refresh, nil
}

// scaleUser is the name of one of those that make requests. In a full database they
// stand far apart.
func scaleUser(users, asking int) string {
	return fmt.Sprint("user", 1+asking*(users/scaleAsking))
}

// seed writes into the embedded database of a site whose server does not run what a
// million logins leave there. Each grant is of a user and a client that exist and has
// their epochs, or it would be pruned.
func (s *site) seed(ctx context.Context, users int, full bool) (err error) {
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.database, "sqlite:")) // the driver that package storage brings
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	now := time.Now()
	steps := []struct {
		what, query string
		args        []any
	}{
		{"users", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO users SELECT lower(hex(randomblob(10))), 'user' || i, 'user' || i || '@example.com', u.full_name, u.password_hash, u.password_cost,
				u.scopes, 0, u.epoch, u.created_at FROM n, users u WHERE u.username = $2`, []any{users, userName}},
		{"sessions", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at, refresh_hash, rotated_at)
			SELECT lower(hex(randomblob(10))), u.id, c.id, u.epoch, c.epoch, 'profile', 'http://127.0.0.1:8000', $2, $3, randomblob(32), $2
			FROM n JOIN users u ON u.username = 'user' || (1 + n.i % $4) JOIN clients c ON c.id = $5`,
			[]any{scaleGrants, now.UnixMilli(), now.Add(700 * time.Hour).UnixMilli(), users, public}},
		{"revocations", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO revocations (kind, key, epoch, keep_grant, until, seq, swept)
			SELECT 'token', lower(hex(randomblob(16))), '', '', $2, i, 1 FROM n`,
			[]any{scaleRevocations, now.Add(6 * time.Hour).UnixMilli()}},
		{"the number of the last revocation", `UPDATE settings SET value = $1 WHERE name = 'revocations'`, []any{scaleRevocations}},
	}
	if !full {
		steps = steps[:1]
	}
	for _, step := range steps {
		progress("filling the database: %s", step.what)
		if _, err := db.ExecContext(ctx, step.query, step.args...); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}
