package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

// contender is one of those that take turns.
type contender struct {
	name        string
	server      *process
	main        measure.Stream
	beside      *measure.Stream
	connections int           // 0: those of the flag
	stretch     time.Duration // how many times the seconds of the flag; 0 is once

	rounds []measure.Report
}

// contest lets the contenders take turns, in another order each round.
func (b *bench) contest(ctx context.Context, row string, contenders ...*contender) error {
	for round := range b.rounds {
		for _, i := range rand.Perm(len(contenders)) {
			c := contenders[i]
			r, err := b.load(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", c.name, err, c.server.output())
			}
			c.rounds = append(c.rounds, r)
			progress("%s, round %d of %d: %s %.0f/s, p99 %v, %.0f µs of CPU", row, round+1, b.rounds, c.name, r.Rate(), r.Main.P99.Round(time.Microsecond), r.CPUPerRequest())
		}
	}
	return nil
}

// load puts one contender under load once.
func (b *bench) load(ctx context.Context, c *contender) (r measure.Report, err error) {
	job := measure.Job{Server: c.server.pid(), WarmUp: b.warmUp, Time: b.time * max(1, c.stretch), Main: c.main, Beside: c.beside}
	job.Main.Connections = c.connections
	if c.connections == 0 {
		job.Main.Connections = b.connections
	}
	input, err := json.Marshal(job)
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, b.program("load"))
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, &stderr)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, err
	}
	c.main.Tokens = r.Main.Tokens
	switch {
	case r.Main.Good == 0:
		return r, fmt.Errorf("%s %s: no good answer (%s)", c.main.Method, c.main.Path, r.Main.Fault)
	case r.Beside != nil && r.Beside.Good == 0:
		return r, fmt.Errorf("%s %s: no good answer (%s)", c.beside.Method, c.beside.Path, r.Beside.Fault)
	}
	return r, nil
}

// measures summarizes contenders.
func measures(contenders ...*contender) []report.Measure {
	all := make([]report.Measure, len(contenders))
	for i, c := range contenders {
		all[i] = report.Measured(c.name, c.rounds)
	}
	return all
}

// What is compared of a round.
func rate(r measure.Report) float64 { return r.Rate() }
func p99(r measure.Report) float64  { return float64(r.Main.P99) }
func cpu(r measure.Report) float64  { return r.CPUPerRequest() }

// ratio compares two contenders.
func ratio(name string, over, under *contender, value func(measure.Report) float64, goal float64, atMost bool) (report.Figure, error) {
	values := func(c *contender) []float64 {
		v := make([]float64, len(c.rounds))
		for i, r := range c.rounds {
			v[i] = value(r)
		}
		return v
	}
	s, err := measure.Ratio(values(over), values(under))
	if err != nil {
		return report.Figure{}, fmt.Errorf("%s: %w", name, err)
	}
	return report.Figure{Name: name, Value: s, Goal: goal, AtMost: atMost}, nil
}

// rates compares what two contenders answer in a second, which is to be a share of
// goal at least.
func rates(name string, over, under *contender, goal float64) (report.Figure, error) {
	f, err := ratio(name, over, under, rate, goal, false)
	if m := measures(over, under); m[0].CPU.Median > 0 { // it is 0 where no tick of it was counted
		f.ByCPU = m[1].CPU.Median / m[0].CPU.Median
	}
	return f, err
}
