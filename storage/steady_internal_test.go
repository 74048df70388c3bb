package storage

import (
	"path/filepath"
	"testing"
	"time"
	"unsafe"
)

func TestTheSteadyClockFollowsAllButLeapsForward(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var c steady
	for _, step := range []struct {
		what               string
		wall, passed, want time.Duration // since the start
	}{
		{"at the start", 0, 0, 0},
		{"a minute later", time.Minute, time.Minute, time.Minute},
		{"an hour ahead at once", 61 * time.Minute, time.Minute, time.Minute},
		{"ten minutes on", 71 * time.Minute, 11 * time.Minute, 12 * time.Minute},
		{"put back to what is right", 12 * time.Minute, 12 * time.Minute, 12 * time.Minute},
		{"put back an hour too far", -48 * time.Minute, 12 * time.Minute, -48 * time.Minute},
		{"a minute on", -47 * time.Minute, 13 * time.Minute, -47 * time.Minute},
		{"right again", 14 * time.Minute, 14 * time.Minute, -47*time.Minute + 66*time.Second},
		{"ten hours on, all made good", 614 * time.Minute, 614 * time.Minute, -47*time.Minute + 66*time.Second + 660*time.Minute},
	} {
		if got := c.past(start.Add(step.wall), start.Add(step.passed)).Sub(start); got != min(step.want, step.wall) {
			t.Errorf("%s: got %v, want %v", step.what, got, min(step.want, step.wall))
		}
	}
}

// The times of a real clock are compared by their monotonic readings, which do not leap
// with it.
func TestTheSteadyClockIsNotLedByMonotonicReadings(t *testing.T) {
	t.Parallel()
	var c steady
	start := time.Now()
	c.past(start, start)
	for range 10 {
		now := time.Now()
		if got, want := c.past(leapt(t, now, time.Hour), now), start.Add(time.Minute); got.After(want) {
			t.Fatalf("an hour ahead at once: got %v, want no later than %v", got, want)
		}
		if got := c.past(leapt(t, now, -time.Hour), now); got.Unix() > now.Unix()-3600 {
			t.Fatalf("an hour back: got %v, want no later than that", got)
		}
		if got := c.past(now, now); got.Unix() > now.Unix() {
			t.Fatalf("right again: got %v, want no later than %v", got, now)
		}
	}
}

// leapt is what time.Now would have returned at now, had the clock been set in between.
func leapt(t *testing.T, now time.Time, by time.Duration) time.Time {
	t.Helper()
	then := now
	// The seconds, where there is a monotonic reading, are above thirty bits of nanoseconds.
	*(*uint64)(unsafe.Pointer(&then)) += uint64(int64(by/time.Second) << 30) //nolint:gosec // nothing else makes such a time
	if then.Sub(now) != 0 || then.Unix()-now.Unix() != int64(by/time.Second) {
		t.Fatalf("got %v and %v, want the wall clock %v apart and the monotonic one not: package time keeps times otherwise now", now, then, by)
	}
	return then
}

// A clock that leaps forward and back again makes nothing forget a revocation, or the
// token it ended would work again.
func TestNoRevocationIsForgottenByALeapOfTheClock(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for name, revoke := range map[string]func() error{
		"token": func() error { return s.RevokeToken(t.Context(), "jti", s.Now().Add(30*time.Minute)) },
		"login": func() error { return s.EndGrant(t.Context(), "grant") },
	} {
		if err := revoke(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	d := &leaping{dialect: s.dialect, t: t}
	leap := func(by time.Duration) { d.ahead = by }
	clock := steady{}
	s.past = func() time.Time { return clock.past(d.now(), time.Now()) }
	s.past()
	for _, by := range []time.Duration{time.Hour, 24 * time.Hour, 0, -time.Hour, 365 * 24 * time.Hour, 0} {
		leap(by)
		if _, err := s.Prune(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Revocations(t.Context(), 0); err != nil || len(list) != 2 {
			t.Errorf("the clock %v ahead: got %d revocations (%v), want both", by, len(list), err)
		}
	}
}

// leaping is a database whose clock is ahead.
type leaping struct {
	dialect
	t     *testing.T
	ahead time.Duration
}

func (l *leaping) now() time.Time { return leapt(l.t, l.dialect.now(), l.ahead) }
