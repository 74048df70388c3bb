package storage

import "time"

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
