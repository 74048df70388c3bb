package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

// starts is how often a start is measured.
const starts = 20

// starting asks how long a start on an existing database takes, from the exec to the
// first 200 of /readyz.
func starting(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	s, p, err := b.site(ctx, engine, 0) // so that keys are there too
	if err != nil {
		return nil, err
	}
	if err := p.stop(); err != nil {
		return nil, err
	}
	took := make([]float64, max(starts, b.rounds))
	for i := range took {
		d, err := s.startOnce(ctx)
		if err != nil {
			return nil, err
		}
		took[i] = float64(d) / float64(time.Millisecond)
		progress("start %d of %d: %.1f ms", i+1, len(took), took[i])
	}
	return []report.Row{{
		Name:    "start",
		Does:    fmt.Sprintf("from exec to the first 200 of `/readyz` on an existing database, %d times", len(took)),
		Figures: []report.Figure{{Name: "until ready", Value: measure.Summarize(took), Unit: "ms", Goal: 100, AtMost: true}},
	}}, nil
}

func (s *site) startOnce(ctx context.Context) (took time.Duration, err error) {
	address, err := freeAddress()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := s.serving(ctx, address)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for !ready(ctx, address) {
		if ctx.Err() != nil {
			return 0, errors.Join(fmt.Errorf("usher is not ready: %w", ctx.Err()), ended(cmd))
		}
		time.Sleep(200 * time.Microsecond)
	}
	return time.Since(begin), ended(cmd)
}

// ended ends a server whose output nobody follows.
func ended(cmd *exec.Cmd) error {
	return errors.Join((&process{cmd: cmd}).interrupt(), cmd.Wait())
}

func ready(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, response.Body) //nolint:errcheck // the status is all that counts
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// freeAddress is one that nobody listens on now: who starts a server and asks it at
// once has to know where.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // takes no time
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// remembering asks how much memory a server takes, a second after its start and
// under each kind of load in turn.
func remembering(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	s, first, err := b.site(ctx, engine, 0)
	if err != nil {
		return nil, err
	}
	if err := first.stop(); err != nil {
		return nil, err
	}
	var idle, loaded []float64
	for round := range b.rounds {
		i, l, err := s.memory(ctx)
		if err != nil {
			return nil, err
		}
		idle, loaded = append(idle, i/1e6), append(loaded, l/1e6)
		progress("memory, round %d of %d: %.0f MB idle, %.0f MB under load", round+1, b.rounds, i/1e6, l/1e6)
	}
	return []report.Row{{
		Name: "memory",
		Does: fmt.Sprintf("resident memory a second after a start; and the most under client_credentials, introspection, /users/me and %d logins, one after another", loginsInFlight),
		Figures: []report.Figure{
			{Name: "idle", Value: measure.Summarize(idle), Unit: "MB", Goal: 40, AtMost: true},
			{Name: "under load", Value: measure.Summarize(loaded), Unit: "MB", Goal: 120, AtMost: true},
		},
	}}, nil
}

// memory starts the server anew and returns bytes.
func (s *site) memory(ctx context.Context) (idle, loaded float64, err error) {
	p, err := s.serve(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	time.Sleep(time.Second)
	now, err := measure.RSS(p.pid())
	if err != nil {
		return 0, 0, err
	}
	c := client{p.address, s}
	login, err := token(ctx, c.password("/token"))
	if err != nil {
		return 0, 0, err
	}
	for _, load := range []*contender{
		{main: c.clientCredentials("/token")},
		{main: c.introspect("/introspect", login.Access)},
		{main: c.me("/users/me", login.Access)},
		{main: c.password("/token"), connections: loginsInFlight, stretch: 2},
	} {
		load.server = p
		r, err := s.b.load(ctx, load)
		if err != nil {
			return 0, 0, err
		}
		loaded = max(loaded, float64(r.RSS))
	}
	return float64(now), loaded, nil
}
