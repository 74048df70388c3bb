package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

func makeFolders(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func short(rows ...string) options {
	return options{rows: rows, engines: []string{sqlite}, rounds: 2, time: 100 * time.Millisecond, warmUp: 10 * time.Millisecond, connections: 2}
}

func TestBenchMeasures(t *testing.T) {
	t.Parallel()
	b, err := newBench(t.Context(), short("jwks", "refresh"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	run, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Rows) != 2 {
		t.Fatalf("got %d rows, want 2: %+v", len(run.Rows), run.Rows)
	}
	for _, row := range run.Rows {
		if len(row.Measures) != 2 || len(row.Figures) != 1 || row.Engine != sqlite {
			t.Errorf("%s: got %d contenders, %d figures, engine %q; want 2, 1, sqlite", row.Name, len(row.Measures), len(row.Figures), row.Engine)
		}
		for _, m := range row.Measures {
			if m.Rate.Median <= 0 || m.P99.Median < m.P50.Median || m.P50.Median <= 0 || m.RSS <= 0 || m.Bad > 0 {
				t.Errorf("%s, %s: got %+v (%s), want answers, none of them bad", row.Name, m.Name, m, m.Note)
			}
		}
		for _, f := range row.Figures {
			if f.Value.Median <= 0 || f.Value.Min > f.Value.Max || f.Goal <= 0 {
				t.Errorf("%s, %s: got %+v", row.Name, f.Name, f)
			}
		}
	}

	// The newest of two runs is what the page shows.
	root := t.TempDir()
	makeFolders(t, root, "bench", "docs")
	for _, commit := range []string{"older", "newer"} {
		run.Commit, run.Date = commit, run.Date.Add(time.Hour)
		if err := record(root, run); err != nil {
			t.Fatal(err)
		}
	}
	page := readFile(t, root, "docs/performance.md")
	if !strings.Contains(page, "| newer |") || strings.Contains(page, "older") || strings.Count(page, "| JWKS |") != 4 {
		t.Errorf("got the page\n%s\nwant the newer run alone, JWKS in each table", page)
	}
	if lines := strings.Count(readFile(t, root, "bench/history.jsonl"), "\n"); lines != 2 {
		t.Errorf("got %d lines of history, want 2", lines)
	}
}

// What answers wrongly is not measured but reported.
func TestServerWithoutAGoodAnswerEndsTheRun(t *testing.T) {
	t.Parallel()
	b, err := newBench(t.Context(), short())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.close() })
	server, err := b.bare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.stop() })
	c := client{server.address, &site{}}
	for _, stream := range []measure.Stream{c.get("/file/none", ""), c.me("/users/me", "token")} {
		stream.Wanted += "something else"
		err := b.contest(t.Context(), "row", &contender{name: "bare", server: server, main: stream})
		if err == nil || !strings.Contains(err.Error(), "no good answer") {
			t.Errorf("%s: got %v, want that there is no good answer", stream.Path, err)
		}
	}
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*options){
		"":             func(*options) {},
		"no row":       func(o *options) { o.rows = []string{"logins"} },
		"-scale too":   func(o *options) { o.rows = []string{scaleName} },
		"-engine":      func(o *options) { o.engines = []string{"mysql"} },
		"-rounds":      func(o *options) { o.rounds = 0 },
		"more than 0":  func(o *options) { o.time = 0 },
		"-connections": func(o *options) { o.connections = 0 },
	} {
		o := short("jwks")
		change(&o)
		err := o.check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWhichQuestionsAreAsked(t *testing.T) {
	t.Parallel()
	ask := func(o options) (names []string) {
		for _, engine := range []string{sqlite, postgres} {
			for _, q := range questions {
				if o.wants(q, engine) {
					names = append(names, q.name+"@"+engine)
				}
			}
		}
		return names
	}
	o := short("jwks", "refresh")
	o.engines = []string{sqlite, postgres}
	if got := strings.Join(ask(o), " "); got != "jwks@sqlite refresh@sqlite refresh@postgres" {
		t.Errorf("got %s", got)
	}
	o.rows = nil
	all := len(ask(o))
	o.scale = true
	if got := len(ask(o)); got != all+1 {
		t.Errorf("got %d questions with -scale and %d without, want one more", got, all)
	}
}

// CPU time of half as much is twice as good.
func TestRatesCompareAnswersAndTheirCPUTime(t *testing.T) {
	t.Parallel()
	one := func(good uint64, cpu time.Duration) *contender {
		return &contender{rounds: []measure.Report{{Main: measure.Seen{Good: good}, Time: time.Second, CPU: cpu}}}
	}
	f, err := rates("against bare", one(100, 20*time.Millisecond), one(200, 20*time.Millisecond), 0.6)
	if err != nil || f.Value.Median != 0.5 || f.ByCPU != 0.5 || f.Met() {
		t.Errorf("got %+v (%v), want 0.5 of both, and the goal missed", f, err)
	}
	if f, err := rates("", one(100, 0), one(50, 0), 0.6); err != nil || f.ByCPU != 0 || f.CPUText() != "" || !f.Met() {
		t.Errorf("got %+v (%v), want no ratio of nothing, and the goal met", f, err)
	}
	if f, err := rates("", one(100, 0), one(0, 0), 0.6); err == nil {
		t.Errorf("got %+v, want an error: there is nothing to compare with", f)
	}
	var figure report.Figure
	if figure, err = ratio("", one(10, 0), one(1, 0), rate, 20, true); err != nil || !figure.Met() || figure.Score() != 2 {
		t.Errorf("got %+v (%v), want half of what it may be", figure, err)
	}
}
