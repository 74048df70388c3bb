package measure_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
)

func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 100, 10_000} {
		var halves [2]measure.Histogram
		values := make([]time.Duration, n)
		for i := range values {
			// From nanoseconds to minutes, as many of each order.
			values[i] = time.Duration(math.Exp(random.Float64() * 25))
			halves[i%2].Add(values[i])
		}
		halves[0].Merge(&halves[1])
		slices.Sort(values)
		if got := halves[0].Count(); got != uint64(n) {
			t.Errorf("got a count of %d, want %d", got, n)
		}
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			exact := values[max(1, int(q*float64(n)+0.5))-1]
			got := halves[0].Quantile(q)
			if got < exact || float64(got) > float64(exact)*(1+1.0/64)+1 {
				t.Errorf("n=%d q=%v: got %d, want %d and at most 1/64 more", n, q, got, exact)
			}
		}
	}
}

func TestHistogramTakesEveryDuration(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, 1, 63, 64, 127, 128, 129, 1<<40 - 1, 1 << 40, math.MaxInt64} {
		var h measure.Histogram
		h.Add(d)
		if got := h.Quantile(1); got < d || float64(got) > float64(d)*(1+1.0/64) {
			t.Errorf("got %d, want %d and at most 1/64 more", got, d)
		}
	}
	var h measure.Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("got a median of %d of nothing, want 0", got)
	}
	h.Add(-time.Second)
	if got := h.Quantile(1); got != 0 {
		t.Errorf("got %d for a negative duration, want 0", got)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   measure.Summary
	}{
		{[]float64{7}, measure.Summary{Median: 7, Min: 7, Max: 7}},
		{[]float64{3, 1, 2}, measure.Summary{Median: 2, Min: 1, Max: 3}},
		{[]float64{4, 1, 3, 2}, measure.Summary{Median: 2.5, Min: 1, Max: 4}},
	} {
		before := slices.Clone(c.values)
		if got := measure.Summarize(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("got the values in another order: %v", c.values)
		}
	}
}

func TestRatioIsOfTheMediansAndItsSpreadOfTheRounds(t *testing.T) {
	t.Parallel()
	got, err := measure.Ratio([]float64{10, 20, 90}, []float64{10, 40, 100})
	want := measure.Summary{Median: 0.5, Min: 0.5, Max: 1}
	if err != nil || got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	for _, c := range [][2][]float64{{{1}, {1, 2}}, {{1}, {0}}, {{}, {}}} {
		if got, err := measure.Ratio(c[0], c[1]); err == nil {
			t.Errorf("%v over %v: got %v, want an error", c[0], c[1], got)
		}
	}
}

func TestReportCounts(t *testing.T) {
	t.Parallel()
	r := measure.Report{Main: measure.Seen{Good: 300}, Time: 2 * time.Second, CPU: 30 * time.Millisecond}
	if r.Rate() != 150 || r.CPUPerRequest() != 100 || r.BesideRate() != 0 {
		t.Errorf("got %v/s, %v µs, beside %v/s; want 150, 100, 0", r.Rate(), r.CPUPerRequest(), r.BesideRate())
	}
	r.Beside = &measure.Seen{Good: 100}
	if r.CPUPerRequest() != 75 || r.BesideRate() != 50 {
		t.Errorf("with another stream: got %v µs and %v/s, want 75 and 50", r.CPUPerRequest(), r.BesideRate())
	}
	if got := (measure.Report{Time: time.Second}).CPUPerRequest(); got != 0 {
		t.Errorf("without an answer: got %v µs, want 0", got)
	}
}

func TestProcessTellsItsTimeAndMemory(t *testing.T) {
	t.Parallel()
	before, err := measure.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		now, err := measure.CPUTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now >= before+50*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v of CPU after a busy minute that began at %v", now, before)
		}
	}
	if rss, err := measure.RSS(os.Getpid()); err != nil || rss < 1<<20 || rss > 1<<36 {
		t.Errorf("got %d bytes (%v), want what a Go program takes", rss, err)
	}
	if _, err := measure.RSS(1 << 30); err == nil {
		t.Error("got the memory of a process that isn't there")
	}
}
