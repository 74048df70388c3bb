package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresDB is a database server that any number of nodes share.
type postgresDB struct {
	config *pgx.ConnConfig
	pool   *sql.DB
	feed   *feed

	// running is held for reading by each query and write, so that close waits for
	// them and none begins after it.
	running sync.RWMutex
	closed  bool
}

var _ dialect = (*postgresDB)(nil)

func openPostgres(ctx context.Context, url string, wall func() time.Time) (*postgresDB, error) {
	config, conns, err := parsePostgres(url)
	if err != nil {
		return nil, err
	}
	d := &postgresDB{config: config, pool: stdlib.OpenDB(*config)}
	// As many idle as open: to connect anew costs more than any query.
	d.pool.SetMaxOpenConns(conns)
	d.pool.SetMaxIdleConns(conns)
	var schema sql.NullString
	// The pool connects first, so that the clock is read in one way there and back.
	err = d.pool.PingContext(ctx)
	read := readClock(wall)
	var micros int64
	if err == nil {
		err = d.pool.QueryRowContext(ctx, `SELECT current_schema(), `+serverMicros).Scan(&schema, &micros)
	}
	if err != nil {
		return nil, errors.Join(unreachable(config, err), d.pool.Close())
	}
	d.feed = startFeed(config, "usher "+schema.String, wall, read.ahead(micros))
	return d, nil
}

func (d *postgresDB) reader() querier { return reader{d} }

// use runs f while the database is open, and says of its error whether the
// database is at fault.
func (d *postgresDB) use(f func() error) error {
	d.running.RLock()
	defer d.running.RUnlock()
	if d.closed {
		return ErrClosed
	}
	err := f()
	if unavailable(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// single sends one statement, which is one way there and back where a transaction
// takes three. Like a commit it is not tried again where it may have happened, and
// not cut off when ctx ends in the middle. The wait for a connection ends with ctx.
func (d *postgresDB) single(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = d.once(ctx, func(ctx context.Context, q direct) error {
		n, err = q.exec(ctx, query, args...)
		return err
	})
	return n, err
}

func (d *postgresDB) returning(ctx context.Context, query string, args ...any) (texts []string, err error) {
	err = d.once(ctx, func(ctx context.Context, q direct) error {
		texts = nil // of this try alone
		return q.each(ctx, func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			texts = append(texts, text)
			return err
		}, query, args...)
	})
	return texts, err
}

func (d *postgresDB) once(ctx context.Context, statement func(context.Context, direct) error) error {
	return d.use(func() error {
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
		defer cancel()
		for try := 1; ; try++ {
			err := d.connected(ctx, whole, func(conn *sql.Conn) error { return statement(whole, direct{conn}) })
			if err == nil || !unsent(err) && !serialization(err) || try == writeTries || whole.Err() != nil || ctx.Err() != nil {
				return err
			}
		}
	})
}

// connected runs f on a connection of the pool. The wait for one ends with ctx and
// with whole, and then nothing has happened.
func (d *postgresDB) connected(ctx, whole context.Context, f func(*sql.Conn) error) error {
	waiting, cancel := both(ctx, whole)
	defer cancel()
	conn, err := d.pool.Conn(waiting)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	defer conn.Close() // gives it back; where it is broken, the pool finds out
	return f(conn)
}

// both is ctx, and ends no later than whole.
func both(ctx, whole context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := whole.Deadline()
	return context.WithDeadline(ctx, deadline)
}

// writeTries is how often a write is begun that the server undid.
const writeTries = 10

// write runs f in a transaction. It begins anew where the server undid the
// transaction, or lost it before it was asked to commit. An error of the commit
// itself may hide that it happened, so it is never tried again. All tries together
// take at most limit.
func (d *postgresDB) write(ctx context.Context, limit time.Duration, f func(context.Context, querier) error) error {
	return d.use(func() error {
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		for try := 1; ; try++ {
			again, err := d.try(ctx, whole, f)
			if err == nil || !again || try == writeTries {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-whole.Done():
				return err
			case <-time.After(rand.N(time.Duration(try) * 10 * time.Millisecond)):
			}
		}
	})
}

// try runs f in one transaction. That does not end with ctx, its statements do: so
// the commit is never cut off in the middle, and an error of ctx means that nothing
// happened.
func (d *postgresDB) try(ctx, whole context.Context, f func(context.Context, querier) error) (again bool, err error) {
	committing := false
	err = d.connected(ctx, whole, func(conn *sql.Conn) error {
		tx, err := conn.BeginTx(whole, nil)
		if err != nil {
			return fmt.Errorf("beginning a write: %w", err)
		}
		t := &transaction{direct: direct{tx}}
		bounded, cancel := both(ctx, whole)
		defer cancel()
		err = f(bounded, t)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			tx.Rollback() //nolint:errcheck // the error of f says more
			return err
		}
		committing = true
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		if t.announced {
			d.feed.mark()
		}
		return nil
	})
	if committing {
		return serialization(err), err
	}
	return undone(err), err
}

func (d *postgresDB) unique(err error) bool { return state(err) == stateUnique }

func (d *postgresDB) changed(context.Context) (bool, error) { return d.feed.changed(), nil }

func (d *postgresDB) feedAge() time.Duration { return d.feed.staleness() }

func (d *postgresDB) stats() sql.DBStats { return d.pool.Stats() }

// lineage moves with each new connection of the feed. The server behind it may be a
// standby that was promoted without the last commits of the one before.
func (d *postgresDB) lineage() int64 { return d.feed.lineage.Load() }

// announce tells the other nodes, at the commit, that something changed.
func (d *postgresDB) announce(ctx context.Context, q querier) error {
	if t, ok := q.(*transaction); ok {
		t.announced = true
	}
	_, err := q.exec(ctx, `SELECT pg_notify($1, '')`, d.feed.channel)
	return err
}

// now is the server's time, as far as its clock and this machine's run alike since
// they were last compared.
func (d *postgresDB) now() time.Time { return d.feed.wall().Add(d.feed.offset()) }

// migrator works without the time limits, which are for requests, and under an
// advisory lock, for nodes start together.
func (d *postgresDB) migrator() (*goose.Provider, error) {
	config := d.config.Copy()
	for name := range timeLimits {
		config.RuntimeParams[name] = "0"
	}
	return newMigrator(goose.DialectPostgres, stdlib.OpenDB(*config), goose.WithSessionLocker(migrationLock{}))
}

// migrationLock lets one node at a time migrate a schema. Others wait in the
// server's queue; goose's own lock has them ask every few seconds.
type migrationLock struct{}

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(hashtext('usher migration ' || current_schema()))`)
	return err
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock(hashtext('usher migration ' || current_schema()))`)
	return err
}

func (d *postgresDB) backup(context.Context, string) error {
	return errors.New("usher copies only embedded databases: use pg_dump, or the server's own backups")
}

func (d *postgresDB) path() string { return "" }

func (d *postgresDB) name() string {
	return fmt.Sprintf("PostgreSQL %s at %s", d.config.Database, d.config.Host)
}

func (d *postgresDB) close() error {
	d.running.Lock()
	defer d.running.Unlock()
	d.closed = true
	d.feed.close()
	return d.pool.Close()
}
