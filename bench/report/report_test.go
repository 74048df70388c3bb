package report_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/bench/measure"
	"github.com/usher-oauth/usher/bench/report"
)

func summary(min, median, max float64) measure.Summary {
	return measure.Summary{Min: min, Median: median, Max: max}
}

// run is of two rows, with a goal that is met, one that is missed and one that is a
// limit.
func run(refresh float64) report.Run {
	return report.Run{Commit: "abc", Rounds: 5, Seconds: 3, Connections: 16, Rows: []report.Row{
		{Name: "introspection", Engine: "sqlite", Does: "`POST /introspect`", Figures: []report.Figure{
			{Name: "against bare", Value: summary(0.4, 0.5, 0.6), Goal: 0.6},
			{Name: "against bare that verifies", Value: summary(1, 1.5, 2), Goal: 1},
		}, Measures: []report.Measure{{Name: "usher", Rate: summary(1, 2, 3)}}},
		{Name: "refresh", Engine: "postgres", Does: "a <commit> & more", Figures: []report.Figure{
			{Name: "first 200", Value: summary(refresh, refresh, refresh), Goal: 100, AtMost: true, Unit: "ms"},
		}},
	}}
}

func TestAGoalIsMetFromTheRightSide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		figure report.Figure
		met    bool
	}{
		{report.Figure{Value: summary(0, 0.59, 1), Goal: 0.6}, false},
		{report.Figure{Value: summary(0, 0.6, 1), Goal: 0.6}, true},
		{report.Figure{Value: summary(0, 101, 1), Goal: 100, AtMost: true}, false},
		{report.Figure{Value: summary(0, 100, 1), Goal: 100, AtMost: true}, true},
	} {
		if got := tt.figure.Met(); got != tt.met {
			t.Errorf("%+v: met is %t, want %t", tt.figure, got, tt.met)
		}
	}
}

func TestTheHistoryKeepsRunsAndTheNewestOfEachRowCounts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history.jsonl")
	if runs, err := report.History(file); err != nil || len(runs) != 0 {
		t.Errorf("without a file: got %d runs, %v", len(runs), err)
	}
	newer := run(50)
	newer.Rows = newer.Rows[1:]
	for _, r := range []report.Run{run(120), newer} {
		if err := report.Append(file, r); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := report.History(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]report.Run{run(120), newer}, runs); diff != "" {
		t.Errorf("runs (-written +read):\n%s", diff)
	}
	rows := report.Newest(runs)
	if len(rows) != 2 || rows[0].Name != "introspection" || rows[1].Figures[0].Value.Median != 50 {
		t.Errorf("got %+v, want the older introspection and the newer refresh", rows)
	}
}

func TestTablePageAndPictureTellWhatWasMissed(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	if err := report.Table(&table, run(120)); err != nil {
		t.Fatal(err)
	}
	if got := table.String(); strings.Count(got, "missed") != 2 || !strings.Contains(got, "1 of 3 goals met") {
		t.Errorf("table: got\n%s", got)
	}
	rows := report.Newest([]report.Run{run(120)})
	if page := string(report.Markdown(rows)); strings.Count(page, "**missed**") != 2 || !strings.Contains(page, "`POST /introspect`") {
		t.Errorf("page: got\n%s", page)
	}
	picture := xml.NewDecoder(bytes.NewReader(report.SVG(rows)))
	bars := 0
	for {
		token, err := picture.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
	if bars < 3 {
		t.Errorf("the picture has %d rectangles, want a bar for each figure", bars)
	}
}
