package storage_test

import (
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// Nodes whose machines' clocks differ by a minute agree on the time, from the first
// moment on.
func TestNodesGoByTheServersClock(t *testing.T) {
	t.Parallel()
	address := postgrestest.Schema(t)
	db := openPostgres(t, address)
	server := func() time.Time {
		var micros int64
		if err := db.QueryRowContext(t.Context(), `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`).Scan(&micros); err != nil {
			t.Fatal(err)
		}
		return time.UnixMicro(micros)
	}
	const slack = 200 * time.Millisecond // half of a slow way there and back
	agrees := func(s *storage.Store, off time.Duration) {
		t.Helper()
		before := server()
		now := s.Now()
		if after := server(); now.Before(before.Add(-slack)) || now.After(after.Add(slack)) {
			t.Errorf("a machine %v off: got %v between the server's %v and %v", off, now, before, after)
		}
	}
	for _, off := range []time.Duration{0, 30 * time.Second, -30 * time.Second} {
		s := postgresSchema(address).Open(t, storage.Options{Migrate: true}.OnMachineWith(off))
		agrees(s, off)
		within(t, 10*time.Second, "the node hears", func() bool {
			changed, err := s.Changed(t.Context())
			return err == nil && !changed
		})
		agrees(s, off)
		if err := s.CreateUser(t.Context(), storage.User{Username: storage.NewID(), ID: off.String()}); err != nil {
			t.Fatal(err)
		}
		u, err := s.User(t.Context(), off.String())
		if err != nil {
			t.Fatal(err)
		}
		if got := server().Sub(u.CreatedAt); got < -slack || got > 10*time.Second {
			t.Errorf("a machine %v off: got a user made %v before the server's now", off, got)
		}
	}
}
