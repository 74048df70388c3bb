package storagetest

import (
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

// testPruneFollows plays sixty days with sessions that last thirty: logins all the
// time, refreshes, logouts, users and clients whose sessions all end, and pruning
// every simulated hour. The rows follow what lives.
func testPruneFollows(t *testing.T, db Database) {
	const (
		days, lasts = 60, 30
		every       = 2 * time.Hour    // a login
		tokens      = 30 * time.Minute // an access token lives
	)
	s, ctx := open(t, db), t.Context()
	_, err := s.RaiseAccessTokenTTL(ctx, tokens)
	check(t, err)
	s.client(t, "app")
	names := []string{"ann", "bob", "eve", "joe"}
	for _, name := range names {
		s.user(t, name)
	}
	type session struct {
		storage.Grant
		user  string
		ended bool
	}
	var all []*session
	end := func(which func(*session) bool) {
		for _, l := range all {
			if which(l) {
				l.ended = true
			}
		}
	}
	start, pruned := s.clock.Now(), s.clock.Now()
	for i := 0; s.clock.Now().Sub(start) < days*24*time.Hour; i++ {
		user, err := s.UserByName(ctx, names[i%len(names)])
		check(t, err)
		client, err := s.Client(ctx, "app")
		check(t, err)
		g := s.grant(user, client)
		g.ExpiresAt = s.clock.Now().Add(lasts * 24 * time.Hour)
		check(t, s.CreateGrant(ctx, g))
		all = append(all, &session{Grant: g, user: user.Username})
		_, err = s.RotateGrant(ctx, g.ID, g.Refresh, token(g.ID, 1), []byte("answer"))
		check(t, err)
		switch {
		case i%5 < 2: // two of five log out at once, for simplicity
			check(t, s.EndGrant(ctx, g.ID))
			all[len(all)-1].ended = true
		case i%101 == 100:
			check(t, s.EndUserSessions(ctx, user.Username))
			end(func(l *session) bool { return l.user == user.Username })
		case i%301 == 300:
			check(t, s.EndClientSessions(ctx, "app"))
			end(func(*session) bool { return true })
		}
		s.clock.Advance(every)
		if s.clock.Now().Sub(pruned) >= time.Hour {
			s.prune(t, 100)
			pruned = s.clock.Now()
		}
		if i%90 != 89 {
			continue
		}
		living, rows := 0, 0
		for _, l := range all {
			if !l.ended && s.clock.Now().Before(l.ExpiresAt) {
				living++
			}
			if _, err := s.Session(ctx, l.ID); err == nil {
				rows++
			}
		}
		if rows < living || float64(rows) > 1.1*float64(living)+2 {
			t.Errorf("day %d: got %d rows for %d living sessions, want no more than a tenth above", int(s.clock.Now().Sub(start).Hours()/24), rows, living)
		}
		if kept := len(s.since(t, 0)); kept > 20 {
			t.Errorf("day %d: got %d revocations, want those of the last half hour", int(s.clock.Now().Sub(start).Hours()/24), kept)
		}
	}
	if lag, err := s.PruneLag(ctx); err != nil || lag > 2*time.Hour {
		t.Errorf("got a lag of %v (%v), want about an hour at most", lag, err)
	}
}
