package measure

import (
	"math/bits"
	"time"
)

// Each power of two is divided into so many buckets, so that a quantile is off by
// less than 1/64 of itself.
const (
	subBits    = 6
	subBuckets = 1 << subBits
)

// Histogram counts durations in buckets whose width grows with their value, as HDR
// histograms do. Its zero value is empty. It is not safe for concurrent use: give
// each goroutine its own and merge them.
type Histogram struct {
	counts [(64 - subBits) * subBuckets]uint64
	n      uint64
}

// Add counts d; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(0, d)))]++
	h.n++
}

// Merge adds what other has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.n }

// Quantile returns the duration that a share q of all does not exceed, rounded up
// to the end of its bucket. It is 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := max(1, uint64(q*float64(h.n)+0.5))
	var seen uint64
	last := 0
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		last = i
		if seen += n; seen >= rank {
			break
		}
	}
	return end(last)
}

// bucket returns the index of the bucket that holds v: below 2·subBuckets each
// value has its own, and above, the leading bits of v choose it.
func bucket(v uint64) int {
	shift := max(0, bits.Len64(v)-subBits-1)
	return shift*subBuckets + int(v>>shift)
}

// end returns the largest value of the bucket at that index.
func end(i int) time.Duration {
	shift := max(0, i/subBuckets-1)
	first := uint64(i-shift*subBuckets) << shift
	return time.Duration(first + 1<<shift - 1)
}
