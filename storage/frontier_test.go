package storage_test

import (
	"database/sql"
	"fmt"
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
			SELECT 'grant-' || n, 'user', 'client', '', '', '', '', 0, 1000 + n, 0 FROM generate_series(1, %d) n`},
		{"throttle_lanes", "throttle_lanes_expiry", `INSERT INTO throttle_lanes (account, network, failures, delay, blocked_until, forget_at, tried, repeats_until,
				known_until, home_until, expires_at)
			SELECT 'user-' || n, '', 0, 0, 0, 0, '', 0, 0, 0, 1000 + n FROM generate_series(1, %d) n`},
	} {
		t.Run(tt.table, func(t *testing.T) {
			t.Parallel()
			w := newIndexWatch(t)
			clock := storagetest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
			options := storage.Options{Migrate: true, Now: clock.Now}
			if err := postgresSchema(w.counted).Open(t, options).Close(); err != nil {
				t.Fatal(err)
			}
			w.execute(`ALTER TABLE `+tt.table+` SET (autovacuum_enabled = false)`, fmt.Sprintf(tt.fill, rows))
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
	return &indexWatch{t: t, db: openPostgres(t, address), name: name, counted: postgrestest.With(t, address, "application_name", name)}
}

func (w *indexWatch) execute(statements ...string) {
	w.t.Helper()
	db := openNamed(w.t, w.counted, w.name)
	execute(w.t, db, statements...)
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// visited counts the pages of an index that closed connections have looked at. It
// waits for their processes to end, for that is when they tell.
func (w *indexWatch) visited(index string) (pages int64) {
	w.t.Helper()
	within(w.t, time.Minute, "the processes of closed connections end", func() bool {
		var open int
		scan(w.t, w.db, []any{&open}, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, w.name)
		return open == 0
	})
	scan(w.t, w.db, []any{&pages}, `SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes
		WHERE schemaname = current_schema() AND indexrelname = $1`, index)
	return pages
}
