package storage_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

const (
	perSecond     = 100              // logins
	sessionLasts  = 6 * time.Hour    // not 30 days, whose rows would take hundreds of gigabytes
	tokenLasts    = 30 * time.Minute // an access token
	serveAtOnce   = 2000             // rows, as the provider has it pruned
	slowStatement = 50 * time.Millisecond
)

// Pruning follows a hundred logins a second in fast motion: the rows are those that
// live, no statement takes long while it runs, and the database does not grow.
// USHER_SOAK_ROUNDS is how many quarters of an hour are played, whole hours at least;
// 2880 are thirty days and 259 million logins. The play begins with the sessions of the
// hours before it.
//
// Nothing here minds that the machine is stopped for a while, but for the maxima
// that are logged.
func TestSoakPruningFollowsAHundredLoginsASecond(t *testing.T) {
	text := os.Getenv("USHER_SOAK_ROUNDS")
	if text == "" {
		t.Skip("plays days at full rate: runs in a soak")
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("USHER_SOAK_ROUNDS: %v", err)
	}
	hours := max(1, rounds/4)
	cluster := postgrestest.NewCluster(t, "fsync = off", "full_page_writes = off", "shared_buffers = 1GB", "max_wal_size = 2GB",
		"autovacuum_naptime = 1s") // the least: a second here is minutes of the play
	p := newPlay(t, cluster.URL)
	began, secondDay := time.Now(), int64(0)
	for hour := 1; hour <= hours; hour++ {
		for range 60 {
			p.minute(t)
		}
		p.compare(t, hour)
		if hour%24 != 0 && hour != hours {
			continue
		}
		size := p.size(t)
		t.Logf("hour %d: %d logins, %d rows pruned, pruning busy for %v of %v, a lag of %v at most; database of %d MB; %s", hour, p.next, p.pruned,
			p.busy.Round(time.Second), time.Since(began).Round(time.Second), p.lag, size>>20, p.tables(t))
		p.took.report(t)
		p.quick(t)
		if hour == 24 {
			secondDay = size
		}
		if secondDay > 0 && size > secondDay+secondDay/10 {
			t.Errorf("hour %d: got a database of %d MB, want no more than a tenth above the %d MB of the second day", hour, size>>20, secondDay>>20)
		}
	}
}

// quick holds the statements against their limit. The machine may be busy with other
// work, so it is percentiles that count.
func (p *play) quick(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		percentile float64
		of         *spread
		what       string
	}{
		{0.999, p.took.all("prune"), "pruning"},
		{0.9999, p.took.all("prune", unqueued), "pruning, less what other processes took from it"},
		{0.999, p.took.all("login", "refresh", "logout", "disable"), "requests meanwhile"},
	} {
		if slow := tt.of.quantile(tt.percentile); slow > slowStatement {
			t.Errorf("%s: got %v in percentile %v, want no statement over %v", tt.what, slow, 100*tt.percentile, slowStatement)
		}
	}
}

// compare holds the rows against what lives.
func (p *play) compare(t *testing.T, hour int) {
	t.Helper()
	p.prune(t.Context(), t) // what ended since the last minute's pruning began
	p.follow(t)
	now := p.clock.Now()
	living, want := p.living(now), p.rows(now)
	for table, n := range want {
		var got int
		scan(t, p.db, []any{&got}, `SELECT count(*) FROM `+table)
		if got != n {
			t.Errorf("hour %d: got %d rows of %s, want %d", hour, got, table, n)
		}
	}
	if n := want["grants"]; float64(n) > 1.1*float64(living) {
		t.Errorf("hour %d: got %d rows for %d living sessions, want no more than a tenth above", hour, n, living)
	}
	if lag, err := p.store.PruneLag(t.Context()); lag > 0 || err != nil {
		t.Errorf("hour %d: got a lag of %v (%v) after pruning, want none", hour, lag, err)
	}
	if p.lag > time.Minute {
		t.Errorf("hour %d: got a lag of %v, want no more than the minute between two prunings", hour, p.lag)
	}
	// What is written in bulk is what the store writes.
	var sizes, nulls int
	scan(t, p.db, []any{&sizes, &nulls}, `SELECT count(DISTINCT pg_column_size(g.*)), count(DISTINCT num_nulls(previous_hash, answer, refresh_hash))
		FROM grants g WHERE id IN ($1, $2)`, p.real[len(p.real)-1].ID, p.bulkID(p.untouched(now)))
	if sizes != 1 || nulls != 1 {
		t.Errorf("hour %d: got rows of %d sizes and %d shapes, want those of a login alone", hour, sizes, nulls)
	}
}

func (p *play) size(t *testing.T) (bytes int64) {
	t.Helper()
	scan(t, p.db, []any{&bytes}, `SELECT pg_database_size(current_database())`)
	return bytes
}

// tables says how large the table of sessions is, and what autovacuum did for it.
func (p *play) tables(t *testing.T) (text string) {
	t.Helper()
	scan(t, p.db, []any{&text}, `SELECT format('grants of %s and indexes of %s (%s), %s dead rows, %s autovacuums',
			pg_size_pretty(pg_table_size(relid)), pg_size_pretty(pg_indexes_size(relid)),
			(SELECT string_agg(indexrelname || ' ' || pg_size_pretty(pg_relation_size(indexrelid)), ', ') FROM pg_stat_user_indexes i WHERE i.relid = s.relid),
			n_dead_tup, autovacuum_count)
		FROM pg_stat_user_tables s WHERE relname = 'grants'`)
	return text
}

// newPlay opens an empty database and fills it with what lives.
func newPlay(t *testing.T, address string) *play {
	t.Helper()
	p := &play{db: openPostgres(t, address), clock: storagetest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), took: newTimes(t)}
	// A machine that is stopped must not end a statement.
	address = postgrestest.With(t, address, "statement_timeout", "0", "lock_timeout", "0", "idle_in_transaction_session_timeout", "0")
	options := storage.Options{Migrate: true, Now: p.clock.Now, Trace: p.took.trace}
	p.store = postgresSchema(address).Open(t, options)
	p.pruner = postgresSchema(postgrestest.With(t, address, "application_name", "pruner", "pool_max_conns", "1")).Open(t, options)
	p.furnish(t)
	for range (sessionLasts + tokenLasts) / time.Minute {
		p.clock.Advance(time.Minute)
		must(t, "writing the logins of a minute", func() error { return p.write(t.Context()) })
		p.next += perMinute
	}
	execute(t, p.db, `VACUUM ANALYZE`)
	p.follow(t)
	return p
}

// follow finds the server's process that prunes, another one than before where the
// connection was lost.
func (p *play) follow(t *testing.T) {
	t.Helper()
	var pid int
	scan(t, p.db, []any{&pid}, `SELECT COALESCE(max(pid), 0) FROM pg_stat_activity WHERE application_name = 'pruner' AND query NOT LIKE 'LISTEN%'`)
	p.took.follow(pid)
}
