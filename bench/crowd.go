package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

// named is a stream that several questions are asked about, and what the bare server
// is asked in its place.
type named struct {
	name         string
	stream, bare measure.Stream
}

// growing asks whether a request costs more when more connections are open.
func growing(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
		var rows []report.Row
		for _, n := range []named{
			{"client_credentials ES256", p.usher.clientCredentials("/token"), p.bare.clientCredentials("/token/es256")},
			{"introspection", p.usher.introspect("/introspect", p.login.Access), p.bare.introspect("/introspect", p.login.Access)},
		} {
			row, err := p.grow(ctx, n)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
}

func (p *pair) grow(ctx context.Context, n named) (report.Row, error) {
	var all, bare []*contender
	for _, connections := range []int{16, 256, 1024} {
		c := p.contender(fmt.Sprintf("%d connections", connections), n.stream)
		b := p.contender(fmt.Sprintf("bare, %d connections", connections), n.bare)
		c.connections, b.connections = connections, connections
		all, bare = append(all, c), append(bare, b)
	}
	row := report.Row{
		Name:    n.name + " on many connections",
		Does:    "the same on 256 and 1,024 connections: the CPU time of one answer",
		Against: "usher on 16 connections",
	}
	// How much of it is the network's and net/http's shows at the bare server.
	if err := p.b.contest(ctx, row.Name, slices.Concat(all, bare)...); err != nil {
		return row, err
	}
	row.Measures = measures(slices.Concat(all, bare)...)
	for _, c := range all[1:] {
		f, err := ratio("CPU on "+c.name, c, all[0], cpu, 1.20, true)
		if err != nil {
			return row, err
		}
		row.Figures = append(row.Figures, f)
	}
	return row, nil
}

// Logins in flight beside quiet connections, and those.
const (
	loginsInFlight   = 64
	quietConnections = 2
	quietPause       = 5 * time.Millisecond
	quietStretch     = 5 // for the rate of logins, of which few come to an end in a second
)

// quietly asks what logins do to who only wants to read.
func quietly(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
		var rows []report.Row
		for _, n := range []named{
			{name: "introspection", stream: p.usher.introspect("/introspect", p.login.Access)},
			{name: "/users/me", stream: p.usher.me("/users/me", p.login.Access)},
		} {
			row, err := p.besideLogins(ctx, n)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
}

func (p *pair) besideLogins(ctx context.Context, n named) (report.Row, error) {
	n.stream.Pause = quietPause
	alone, beside := p.contender("alone", n.stream), p.contender("beside logins", n.stream)
	logins := p.usher.password("/token")
	logins.Connections = loginsInFlight
	beside.beside = &logins
	bare := p.contender("logins at bare", p.bare.password("/token/login"))
	alone.connections, beside.connections, bare.connections = quietConnections, quietConnections, loginsInFlight
	beside.stretch, bare.stretch = quietStretch, quietStretch

	row := report.Row{
		Name: "quiet " + n.name,
		Does: fmt.Sprintf("%d connections that pause %v after each answer, beside %d that log in at cost 12", quietConnections, quietPause, loginsInFlight),
		Against: "the same without logins; and a bare server that only compares hashes, on " +
			fmt.Sprint(loginsInFlight) + " connections",
	}
	if err := p.b.contest(ctx, row.Name, alone, beside, bare); err != nil {
		return row, err
	}
	row.Measures = measures(alone, beside, bare)
	slower, err := ratio("p99 beside logins", beside, alone, p99, 3, true)
	if err != nil {
		return row, err
	}
	// From here on the logins are what counts.
	counted := *beside
	counted.rounds = nil
	for _, r := range beside.rounds {
		r.Main, r.Beside = *r.Beside, nil
		counted.rounds = append(counted.rounds, r)
	}
	through, err := ratio("logins against bare", &counted, bare, rate, 0.90, false)
	row.Figures = []report.Figure{slower, through}
	counted.name = "those logins"
	row.Measures = append(row.Measures, measures(&counted)...)
	return row, err
}
