package storage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// pollEvery is how often a node asks whether a notification got lost.
	pollEvery = 250 * time.Millisecond
	// staleAfter is how old the newest answer may be before a node asks the
	// database for every check.
	staleAfter = time.Second
	// reconnectAfter is the pause after a lost connection.
	reconnectAfter = 100 * time.Millisecond
)

// feed tells a node when another one committed something that all must know: by
// notification at once, by polling where one got lost, and by its age where
// neither arrives. It also measures how far this machine's clock is from the
// server's, so that all nodes go by one.
type feed struct {
	config  *pgx.ConnConfig
	channel string // what nodes on the same tables listen on

	dirty     atomic.Bool
	lineage   atomic.Int64 // counts connections: each may be to another server
	confirmed atomic.Int64 // when the newest poll was sent: nanoseconds since start
	ahead     atomic.Int64 // of the server's clock, nanoseconds
	start     time.Time    // monotonic
	wall      func() time.Time

	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// startFeed follows the server until close. Its clock is ahead of wall by that much.
func startFeed(config *pgx.ConnConfig, channel string, wall func() time.Time, ahead time.Duration) *feed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{config: config, channel: channel, start: time.Now(), wall: wall, cancel: cancel}
	f.ahead.Store(int64(ahead))
	f.confirmed.Store(-int64(time.Hour))
	f.dirty.Store(true)
	f.ended.Go(func() { f.follow(ctx) })
	return f
}

// mark says that this node itself committed something.
func (f *feed) mark() { f.dirty.Store(true) }

// changed reports whether something may have been committed since the last call.
// When nothing is known for sure it reports true, and the caller asks the
// database itself.
func (f *feed) changed() bool {
	return f.staleness() > staleAfter || f.dirty.Swap(false)
}

// staleness is how long ago the newest answer of the server was asked for.
func (f *feed) staleness() time.Duration {
	return time.Since(f.start) - time.Duration(f.confirmed.Load())
}

// offset is how far the server's clock is ahead of this machine's.
func (f *feed) offset() time.Duration { return time.Duration(f.ahead.Load()) }

func (f *feed) follow(ctx context.Context) {
	for ctx.Err() == nil {
		_ = f.listen(ctx) // until the connection is lost; staleness says what that means
		select {
		case <-ctx.Done():
		case <-time.After(reconnectAfter):
		}
	}
}

// listen follows on one connection of its own, so that a pool that is in use up
// to the last connection makes no node deaf.
func (f *feed) listen(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, f.config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing of it is needed any more
	if _, err := conn.Exec(connecting, `LISTEN `+pgx.Identifier{f.channel}.Sanitize()); err != nil {
		return err
	}
	f.lineage.Add(1)
	f.dirty.Store(true)
	var seen [3]int64
	for {
		if err := f.poll(ctx, conn, &seen); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, pollEvery)
		_, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			f.dirty.Store(true)
		case ctx.Err() != nil || conn.IsClosed() || !pgconn.Timeout(err):
			return err
		}
	}
}

// poll asks what there is, and the time.
func (f *feed) poll(ctx context.Context, conn *pgx.Conn, seen *[3]int64) error {
	ctx, cancel := context.WithTimeout(ctx, staleAfter)
	defer cancel()
	sent, read := time.Now(), readClock(f.wall)
	var now [3]int64
	var micros int64
	err := conn.QueryRow(ctx, `SELECT `+serverMicros+`,
			COALESCE((SELECT value FROM settings WHERE name = $1), 0), COALESCE((SELECT value FROM settings WHERE name = $2), 0),
			COALESCE((SELECT value FROM settings WHERE name = $3), 0)`,
		settingRevocations, settingSigningKeys, settingDirectory).Scan(&micros, &now[0], &now[1], &now[2])
	if state(err) == stateNoTable { // not migrated yet
		return nil
	}
	if err != nil {
		return err
	}
	f.ahead.Store(int64(read.ahead(micros)))
	if now != *seen {
		*seen = now
		f.dirty.Store(true)
	}
	f.confirmed.Store(int64(sent.Sub(f.start)))
	return nil
}

func (f *feed) close() {
	f.cancel()
	f.ended.Wait()
}
