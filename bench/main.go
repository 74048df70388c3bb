package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/bench/report"
)

// options are the flags.
type options struct {
	rows        []string // names; nil for all
	engines     []string
	rounds      int
	time        time.Duration // counted in a round
	warmUp      time.Duration
	connections int
	scale       bool
	record      bool
}

func main() {
	var o options
	rows := flag.String("rows", "", "rows to measure, separated by commas (default: all)")
	engines := flag.String("engine", "sqlite,postgres", "engines to measure on")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	seconds := flag.Float64("seconds", 3, "counted seconds of a contender in a round; logins take a multiple")
	flag.IntVar(&o.connections, "connections", 16, "connections of the load")
	flag.BoolVar(&o.scale, "scale", false, "also measure beside a million logins, which takes some minutes more")
	flag.BoolVar(&o.record, "record", false, "add the run to bench/history.jsonl, and write docs/performance.md and its picture")
	flag.Parse()

	if *rows != "" {
		o.rows = strings.Split(*rows, ",")
	}
	o.engines = strings.Split(*engines, ",")
	o.time = time.Duration(*seconds * float64(time.Second))
	o.warmUp = min(time.Second, o.time)
	if err := o.check(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := measureAndTell(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) check() error {
	for _, engine := range o.engines {
		if engine != sqlite && engine != postgres {
			return fmt.Errorf("-engine %q: name %s, %s or both", engine, sqlite, postgres)
		}
	}
	var names []string
	for _, q := range questions {
		names = append(names, q.name)
	}
	for _, name := range o.rows {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-rows: there is no row %q, only %s", name, strings.Join(names, ","))
		}
		if name == scaleName && !o.scale {
			return fmt.Errorf("-rows %s: give -scale too", scaleName)
		}
	}
	if o.rounds < 1 || o.time <= 0 || o.connections < 1 {
		return errors.New("-rounds, -seconds and -connections: choose more than 0")
	}
	return nil
}

// wants reports whether a question is to be asked of an engine.
func (o options) wants(q question, engine string) bool {
	return slices.Contains(o.engines, engine) &&
		(engine == sqlite || q.bothEngines) &&
		(o.rows == nil || slices.Contains(o.rows, q.name)) &&
		(o.scale || q.name != scaleName)
}

// measureAndTell measures, prints the table and, if wanted, records the run.
func measureAndTell(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	run, err := b.run(ctx)
	err = errors.Join(err, b.close(), report.Table(os.Stdout, run))
	if o.record && len(run.Rows) > 0 {
		err = errors.Join(err, record(b.root, run))
	}
	return err
}

// record adds the run to the history and draws the page anew.
func record(root string, run report.Run) error {
	file := filepath.Join(root, "bench", "history.jsonl")
	if err := report.Append(file, run); err != nil {
		return err
	}
	runs, err := report.History(file)
	if err != nil {
		return err
	}
	rows := report.Newest(runs)
	for name, text := range map[string][]byte{"performance.md": report.Markdown(rows), "performance.svg": report.SVG(rows)} {
		if err := os.WriteFile(filepath.Join(root, "docs", name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
