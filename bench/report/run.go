package report

import (
	"fmt"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
)

// Run is one run of the benchmark, and one line of the history.
type Run struct {
	Date        time.Time  `json:"date"`
	Commit      string     `json:"commit"` // of the tree that was built; ends in -dirty where that was changed
	Machine     Machine    `json:"machine"`
	LoadAverage [2]float64 `json:"load_average"` // of one minute, before and after the run
	Rounds      int        `json:"rounds"`
	Seconds     float64    `json:"seconds"` // counted in each round, of most rows
	Connections int        `json:"connections"`
	Rows        []Row      `json:"rows"`
}

// Row is one question and its answer.
type Row struct {
	Name     string    `json:"name"`
	Engine   string    `json:"engine"` // sqlite or postgres
	Does     string    `json:"does"`   // what usher does for one request
	Against  string    `json:"against,omitempty"`
	Measures []Measure `json:"measures,omitempty"`
	Figures  []Figure  `json:"figures"`
}

// Measure is how one contender of a row did.
type Measure struct {
	Name string          `json:"name"`
	Rate measure.Summary `json:"rate"`               // good answers in a second
	P50  measure.Summary `json:"p50_ms"`             // of their times
	P99  measure.Summary `json:"p99_ms"`             //
	CPU  measure.Summary `json:"cpu_us"`             // of the server, for each good answer
	RSS  float64         `json:"rss_mb"`             // the largest seen
	Bad  uint64          `json:"bad"`                // answers that were not the wanted ones, of all rounds
	Note string          `json:"bad_note,omitempty"` // the first of them
}

// Figure is a number that has a goal.
type Figure struct {
	Name   string          `json:"name"`
	Value  measure.Summary `json:"value"`
	Unit   string          `json:"unit,omitempty"` // none for a ratio
	Goal   float64         `json:"goal"`
	AtMost bool            `json:"at_most,omitempty"` // whether less than the goal is good

	// ByCPU is the same ratio of what one second of CPU time of the servers gives,
	// where Value is one of answers in a second: a busy machine bends it less.
	ByCPU float64 `json:"by_cpu,omitempty"`
}

// Score is how well the goal is met: 1 just so, 2 twice as well.
func (f Figure) Score() float64 {
	if f.AtMost {
		return f.Goal / f.Value.Median
	}
	return f.Value.Median / f.Goal
}

// Met reports whether the goal is met.
func (f Figure) Met() bool { return f.Score() >= 1 }

// Verdict is met or missed.
func (f Figure) Verdict() string {
	if f.Met() {
		return "met"
	}
	return "missed"
}

// GoalText writes the goal, such as "≥ 0.60" or "≤ 100 ms".
func (f Figure) GoalText() string {
	sign := "≥"
	if f.AtMost {
		sign = "≤"
	}
	return sign + " " + f.text(f.Goal)
}

// ValueText writes the median.
func (f Figure) ValueText() string { return f.text(f.Value.Median) }

// SpreadText writes the least and the largest value of a round.
func (f Figure) SpreadText() string { return f.text(f.Value.Min) + " – " + f.text(f.Value.Max) }

// CPUText writes ByCPU, or nothing.
func (f Figure) CPUText() string {
	if f.ByCPU == 0 {
		return ""
	}
	return f.text(f.ByCPU)
}

func (f Figure) text(v float64) string {
	if f.Unit == "" {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f %s", v, f.Unit)
}

// Title names the row and, where there are several, its engine.
func (r Row) Title() string {
	if r.Engine == "postgres" {
		return r.Name + ", PostgreSQL"
	}
	return r.Name
}

// number writes v with three significant digits or more.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// spread writes a summary as its median and, in parentheses, its range.
func spread(s measure.Summary) string {
	return fmt.Sprintf("%s (%s – %s)", number(s.Median), number(s.Min), number(s.Max))
}

// Measured summarizes the rounds of one contender, their main streams.
func Measured(name string, rounds []measure.Report) Measure {
	m := Measure{Name: name}
	of := func(value func(measure.Report) float64) measure.Summary {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = value(r)
		}
		return measure.Summarize(values)
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	m.Rate = of(measure.Report.Rate)
	m.P50 = of(func(r measure.Report) float64 { return ms(r.Main.Median) })
	m.P99 = of(func(r measure.Report) float64 { return ms(r.Main.P99) })
	m.CPU = of(measure.Report.CPUPerRequest)
	m.RSS = of(func(r measure.Report) float64 { return float64(r.RSS) / 1e6 }).Max
	for _, r := range rounds {
		m.Bad += r.Main.Bad
		if m.Note == "" {
			m.Note = r.Main.Fault
		}
	}
	return m
}

// Missed returns how many of the figures of all rows miss their goal, and how many
// there are.
func Missed(rows []Row) (missed, all int) {
	for _, r := range rows {
		for _, f := range r.Figures {
			all++
			if !f.Met() {
				missed++
			}
		}
	}
	return missed, all
}
