package measure

import (
	"fmt"
	"slices"
)

// Summary says what several rounds of one measurement came to.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize returns the summary of at least one value. The median of an even
// number is the mean of the two in the middle.
func Summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Summary{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Ratio compares what two contenders came to in the same rounds: the ratio of the
// medians, and the least and largest ratio of one round. Rounds are compared with
// one another because what disturbs a machine lasts longer than one.
func Ratio(over, under []float64) (Summary, error) {
	if len(over) != len(under) || len(over) == 0 {
		return Summary{}, fmt.Errorf("comparing %d rounds with %d", len(over), len(under))
	}
	ratios := make([]float64, len(over))
	for i := range over {
		if under[i] == 0 {
			return Summary{}, fmt.Errorf("round %d has nothing to compare with", i+1)
		}
		ratios[i] = over[i] / under[i]
	}
	s := Summarize(ratios)
	s.Median = Summarize(over).Median / Summarize(under).Median
	return s, nil
}
