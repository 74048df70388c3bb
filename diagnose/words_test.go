package diagnose_test

import (
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/diagnose"
)

func TestTimesInWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for seconds, want := range map[int64]string{
		0:                    "2026-11-25 09:00:00Z, now",
		1:                    "2026-11-25 09:00:01Z, in 1 second",
		-1:                   "2026-11-25 08:59:59Z, 1 second ago",
		119:                  "2026-11-25 09:01:59Z, in 119 seconds",
		120:                  "2026-11-25 09:02:00Z, in 2 minutes",
		-12*60 - 59:          "2026-11-25 08:47:01Z, 12 minutes ago",
		2*3600 - 1:           "2026-11-25 10:59:59Z, in 119 minutes",
		2 * 3600:             "2026-11-25 11:00:00Z, in 2 hours",
		48 * 3600:            "2026-11-27 09:00:00Z, in 2 days",
		-3 * 365 * 24 * 3600: "2023-11-26 09:00:00Z, 3 years ago",
	} {
		if got := diagnose.Moment(now.Unix()+seconds, now); !strings.Contains(got, "("+want+")") {
			t.Errorf("%d seconds from now: got %q, want %q", seconds, got, want)
		}
	}
	for _, seconds := range []int64{-1, 253402300800, 1 << 62, -1 << 63} {
		if got := diagnose.Moment(seconds, now); !strings.Contains(got, "no time that makes sense") {
			t.Errorf("%d: got %q", seconds, got)
		}
	}
}
