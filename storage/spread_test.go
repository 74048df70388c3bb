package storage_test

import (
	"fmt"
	"time"
)

const (
	spreadStep  = 10 * time.Microsecond
	spreadSteps = 100_000 // a second; what takes longer is in the last
)

// spread is the distribution of any number of durations.
type spread struct {
	steps   [spreadSteps]uint64
	count   uint64
	longest time.Duration
	slow    uint64 // over slowStatement
}

func (s *spread) add(d time.Duration) {
	s.steps[min(int(d/spreadStep), spreadSteps-1)]++
	s.count++
	s.longest = max(s.longest, d)
	if d > slowStatement {
		s.slow++
	}
}

func (s *spread) join(o *spread) {
	for i, n := range o.steps {
		s.steps[i] += n
	}
	s.count, s.slow, s.longest = s.count+o.count, s.slow+o.slow, max(s.longest, o.longest)
}

// quantile is the time within which so much of the whole is, to a step.
func (s *spread) quantile(q float64) time.Duration {
	seen := uint64(0)
	for i, n := range s.steps {
		if seen += n; float64(seen) >= q*float64(s.count) {
			return time.Duration(i+1) * spreadStep
		}
	}
	return s.longest
}

func (s *spread) String() string {
	return fmt.Sprintf("%d, median %v, 99.9th percentile %v, longest %v, %d over %v",
		s.count, s.quantile(0.5), s.quantile(0.999), s.longest, s.slow, slowStatement)
}
