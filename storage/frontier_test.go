package storage_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// A batch of pruning does not walk over those that were deleted before it, which are in
// PostgreSQL's index until a vacuum.
func TestPruningDoesNotWalkOverWhatItDeleted(t *testing.T) {
	t.Parallel()
	const rows, batch = 20_000, 100
	for _, tt := range []struct{ table, index, fill string }{
		{"grants", "grants_expiry", `INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at, rotated_at)
			SELECT 'grant-' || n, 'user', 'client', '', '', '', '', 0, 1000 + n, 0 FROM generate_series(1, $1::bigint) n`},
		{"throttle_lanes", "throttle_lanes_expiry", `INSERT INTO throttle_lanes (account, network, failures, delay, blocked_until, forget_at, tried, repeats_until,
				known_until, home_until, expires_at)
			SELECT 'user-' || n, '', 0, 0, 0, 0, '', 0, 0, 0, 1000 + n FROM generate_series(1, $1::bigint) n`},
	} {
		t.Run(tt.table, func(t *testing.T) {
			t.Parallel()
			w := newIndexWatch(t)
			clock := storagetest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
			options := storage.Options{Migrate: true, Now: clock.Now}
			if err := postgresSchema(w.counted).Open(t, options).Close(); err != nil {
				t.Fatal(err)
			}
			w.execute(`ALTER TABLE ` + tt.table + ` SET (autovacuum_enabled = false)`)
			w.execute(tt.fill, rows)
			before := w.visited(tt.index)

			s := postgresSchema(w.counted).Open(t, options)
			pruned, batches := int64(0), int64(0)
			for n := int64(batch); n == batch; batches++ {
				var err error
				if n, err = s.Prune(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				if _, err := s.PruneLag(t.Context()); err != nil {
					t.Fatal(err)
				}
				pruned += n
			}
			if pruned != rows {
				t.Errorf("got %d rows pruned, want %d", pruned, rows)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// The path from the root and a page or two of the hundred rows, for either statement.
			got := w.visited(tt.index) - before
			t.Logf("%d pages of the index in %d batches", got, batches)
			if got > 10*batches {
				t.Errorf("got %d pages of the index visited in %d batches, want no more than ten a batch", got, batches)
			}
		})
	}
}

// indexWatch counts what a schema's indexes are asked for.
type indexWatch struct {
	t       *testing.T
	db      *sql.DB
	name    string // of the connections that are counted
	counted string // the URL for them
}

func newIndexWatch(t *testing.T) *indexWatch {
	t.Helper()
	address, name := postgrestest.Schema(t), storage.NewID()
	w := &indexWatch{t: t, name: name, counted: postgrestest.With(t, address, "application_name", name)}
	w.db = w.open(address)
	return w
}

func (w *indexWatch) open(address string) *sql.DB {
	w.t.Helper()
	db, err := sql.Open("pgx", postgrestest.With(w.t, address, "pool_max_conns", ""))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	return db
}

func (w *indexWatch) execute(statement string, args ...any) {
	w.t.Helper()
	db := w.open(w.counted)
	if _, err := db.ExecContext(w.t.Context(), statement, args...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// visited counts the pages of an index that closed connections have looked at. It
// waits for their processes to end, for that is when they tell.
func (w *indexWatch) visited(index string) (pages int64) {
	w.t.Helper()
	deadline, open := time.Now().Add(time.Minute), 1
	for open > 0 {
		w.scan(&open, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, w.name)
		if time.Now().After(deadline) {
			w.t.Fatalf("got %d processes of connections that were closed a minute ago, want none", open)
		}
	}
	w.scan(&pages, `SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes WHERE schemaname = current_schema() AND indexrelname = $1`, index)
	return pages
}

func (w *indexWatch) scan(dest any, query string, args ...any) {
	w.t.Helper()
	if err := w.db.QueryRowContext(w.t.Context(), query, args...).Scan(dest); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}
