package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

func run(date time.Time, machine string, rows ...report.Row) report.Run {
	return report.Run{Date: date, Commit: "c0ffee", Machine: report.Machine{CPU: machine, Cores: 2}, Rounds: 5, Seconds: 3, Connections: 16, Rows: rows}
}

func row(name, engine string, value float64) report.Row {
	return report.Row{Name: name, Engine: engine, Does: "work", Figures: []report.Figure{
		{Name: "against <bare>", Value: measure.Summary{Median: value, Min: value / 2, Max: value * 2}, Goal: 0.6, ByCPU: 0.42},
		{Name: "until ready", Value: measure.Summary{Median: 80, Min: 70, Max: 200}, Unit: "ms", Goal: 100, AtMost: true},
	}, Measures: []report.Measure{{Name: "usher", Rate: measure.Summary{Median: 1234}, Bad: 3, Note: "status 500"}}}
}

var day = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestNewestIsOfTheLastMachine(t *testing.T) {
	t.Parallel()
	got := report.Newest([]report.Run{
		run(day, "here", row("refresh", "sqlite", 0.1), row("refresh", "postgres", 0.2), row("start", "sqlite", 0.3)),
		run(day.AddDate(0, 0, 1), "elsewhere", row("scale", "sqlite", 0.4)),
		run(day.AddDate(0, 0, 2), "here", row("refresh", "sqlite", 0.5)),
	})
	var names []string
	for _, r := range got {
		names = append(names, r.Title()+" "+r.Figures[0].ValueText()+" "+r.Run.Date.Format("02"))
	}
	if got, want := strings.Join(names, "; "), "refresh 0.50 04; refresh, PostgreSQL 0.20 02; start 0.30 02"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := report.Newest(nil); len(got) > 0 {
		t.Errorf("got %v of no run", got)
	}
}

func TestHistoryKeepsRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history.jsonl")
	if runs, err := report.History(file); err != nil || len(runs) > 0 {
		t.Errorf("got %v (%v) of no file", runs, err)
	}
	for i := range 2 {
		if err := report.Append(file, run(day.AddDate(0, 0, i), "here", row("refresh", "sqlite", 0.7))); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := report.History(file)
	if err != nil || len(runs) != 2 || !runs[1].Date.Equal(day.AddDate(0, 0, 1)) || runs[0].Rows[0].Figures[0].Value.Max != 1.4 {
		t.Errorf("got %+v (%v), want two runs as they were", runs, err)
	}
	if err := os.WriteFile(file, []byte("{}\n{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.History(file); err == nil || !strings.Contains(err.Error(), "history.jsonl:2") {
		t.Errorf("got %v, want the line that can't be read", err)
	}
}

func TestAGoalIsMetFromTheRightSide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, goal float64
		atMost, met bool
	}{
		{0.59, 0.6, false, false},
		{0.6, 0.6, false, true},
		{101, 100, true, false},
		{100, 100, true, true},
	} {
		f := report.Figure{Value: measure.Summary{Median: c.value}, Goal: c.goal, AtMost: c.atMost}
		if got := f.Met(); got != c.met {
			t.Errorf("%+v: got %t, want %t", f, got, c.met)
		}
	}
}

func TestTableTellsWhatIsMissed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.Table(&b, run(day, "here", row("refresh", "sqlite", 0.5), row("refresh", "postgres", 0.6))); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range []string{"ROW", "0.25 – 1.00 0.42 ≥ 0.60 missed", "80 ms 70 ms – 200 ms ≤ 100 ms met", "refresh, PostgreSQL against <bare> 0.60 0.30 – 1.20 0.42 ≥ 0.60 met"} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.Contains(got, want) {
			t.Errorf("got the line %q, want %q", got, want)
		}
	}
	for _, want := range []string{"3 bad answers, such as: status 500", "3 of 4 goals met"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", &b, want)
		}
	}
}

func TestPictureIsXMLWithABarForEachFigure(t *testing.T) {
	t.Parallel()
	rows := report.Newest([]report.Run{run(day, "here", row("a & b", "sqlite", 0.5), row("c", "sqlite", 60))})
	picture := report.SVG(rows)
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	bars := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "rect" {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "class" {
				bars[a.Value]++
			}
		}
	}
	if bars["met"] != 3 || bars["missed"] != 1 {
		t.Errorf("got %v, want 3 bars met and 1 missed", bars)
	}
}

func TestMeasuredSumsUpRounds(t *testing.T) {
	t.Parallel()
	round := func(good, bad uint64) measure.Report {
		return measure.Report{Time: time.Second, RSS: int64(good) * 1e6, CPU: time.Second,
			Main: measure.Seen{Good: good, Bad: bad, Fault: "late", Median: time.Millisecond, P99: 2 * time.Millisecond}}
	}
	m := report.Measured("usher", []measure.Report{round(10, 0), round(30, 2), round(20, 0)})
	if m.Rate != (measure.Summary{Median: 20, Min: 10, Max: 30}) || m.P99.Median != 2 || m.RSS != 30 || m.Bad != 2 || m.Note != "late" {
		t.Errorf("got %+v", m)
	}
}

func TestThisMachineHasAName(t *testing.T) {
	t.Parallel()
	m := report.ThisMachine()
	if m.Cores < 1 || m.CPU == "" || m.Go == "" || m != report.ThisMachine() {
		t.Errorf("got %+v, want the same each time", m)
	}
	if report.LoadAverage() < 0 {
		t.Error("got a negative load average")
	}
	if got := report.Commit(t.TempDir()); got != "unknown" {
		t.Errorf("got commit %q of no repository", got)
	}
}
