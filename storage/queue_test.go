package storage_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// Whoever gives up while all connections are in use leaves the queue at once, and
// what was asked for does not happen. A statement that is under way runs to its end.
func TestWhoGivesUpLeavesTheQueueForAConnection(t *testing.T) {
	t.Parallel()
	const conns, callers = 4, 32
	address := postgrestest.With(t, postgrestest.Schema(t), "pool_max_conns", "4", "lock_timeout", "0")
	s := postgresSchema(address).Open(t, storage.Options{Migrate: true})
	create := func(ctx context.Context, id string) error {
		return s.CreateGrant(ctx, storage.Grant{ID: id, Refresh: []byte(id)})
	}
	for name, write := range map[string]func(ctx context.Context, id string) error{
		"one statement": create,
		"a transaction": s.EndGrant,
	} {
		t.Run(name, func(t *testing.T) {
			db := openPostgres(t, address)
			lock, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Rollback() // ended before, if all went well
			// Inserts wait for it as well as updates do, reads do not.
			if _, err := lock.ExecContext(t.Context(), `LOCK TABLE grants IN SHARE MODE`); err != nil {
				t.Fatal(err)
			}
			under, leave := context.WithCancel(t.Context())
			defer leave()
			begun := make(chan error, conns)
			for range conns {
				go func() { begun <- write(under, storage.NewID()) }()
			}
			waiting := func() (n int) {
				err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
					WHERE c.relname = 'grants' AND c.relnamespace = current_schema()::regnamespace AND NOT l.granted`).Scan(&n)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			within(t, 10*time.Second, "every connection is in use", func() bool { return waiting() == conns })

			before := s.Connections().WaitCount
			queued, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			ids := make([]string, callers-conns)
			var left sync.WaitGroup
			for i := range ids {
				ids[i] = storage.NewID()
				left.Go(func() {
					if err := write(queued, ids[i]); !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want that the caller left", err)
					}
				})
			}
			within(t, 10*time.Second, "the others wait", func() bool { return s.Connections().WaitCount-before == callers-conns })
			start := time.Now()
			giveUp()
			left.Wait()
			if took := time.Since(start); took > time.Second {
				t.Errorf("leaving took %v, want it at once", took)
			}
			if got := waiting(); got != conns {
				t.Errorf("got %d statements under way, want the %d of before", got, conns)
			}
			if name == "one statement" {
				leave() // too late
			}
			if err := lock.Rollback(); err != nil {
				t.Fatal(err)
			}
			for range conns {
				if err := <-begun; err != nil {
					t.Errorf("under way: got %v, want it done", err)
				}
			}
			for _, id := range ids {
				var n int
				err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM grants WHERE id = $1) + (SELECT count(*) FROM revocations WHERE key = $1)`, id).Scan(&n)
				if err != nil || n != 0 {
					t.Errorf("what was given up left %d rows (%v), want none", n, err)
				}
			}
		})
	}
}
