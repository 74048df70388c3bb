package storage

import (
	"sync"
	"time"
)

// serverMicros is the server's time in SQL, in microseconds since 1970.
const serverMicros = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`

// clockReading is when the server was asked for its time.
type clockReading struct {
	wall time.Time // by this machine's clock
	sent time.Time // monotonic
}

func readClock(wall func() time.Time) clockReading { return clockReading{wall(), time.Now()} }

// ahead is how far the server's clock, of which the answer has just arrived, is
// ahead of this machine's. The server read it somewhere on the way there and back.
func (r clockReading) ahead(micros int64) time.Duration {
	midway := r.wall.Round(0).Add(time.Since(r.sent) / 2)
	return time.UnixMicro(micros).Sub(midway)
}

// catchUp is the divisor of the time that passes: so much of a clock's leap forward is
// believed while it stands.
const catchUp = 10

// steady is a clock that does not leap forward: what was deleted because its time was
// past can't come back when the clock that said so is put right. It goes with the
// monotonic clock, a tenth faster while it is behind, and never ahead of the clock it
// follows.
type steady struct {
	mu   sync.Mutex
	at   time.Time // what it showed last
	read time.Time // when, monotonic
}

// past returns the time that is surely past, where the clock it follows shows wall.
func (s *steady) past(wall, read time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall = wall.Round(0) // else its monotonic reading is compared, which does not leap
	passed := read.Sub(s.read)
	if s.at = s.at.Add(passed + passed/catchUp); s.read.IsZero() || s.at.After(wall) {
		s.at = wall
	}
	s.read = read
	return s.at
}
