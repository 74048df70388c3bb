package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// change is a kind of write.
type change struct {
	name  string
	table string // that one of its statements changes
	whole bool   // in a transaction of several statements
	make  func(ctx context.Context, s *storage.Store) error
}

// rotated has the living grant's token used, for another of the same name.
func rotated(ctx context.Context, s *storage.Store) error {
	won, err := s.RotateGrant(ctx, "living", []byte("first"), []byte("first"), []byte("answer"))
	if err == nil && !won {
		return errors.New("a refresh lost against nobody")
	}
	return err
}

// changes are every kind of write, on a database that furnished has prepared.
var changes = []change{
	{"login", "grants", false, func(ctx context.Context, s *storage.Store) error {
		return s.CreateGrant(ctx, storage.Grant{ID: storage.NewID(), UserID: "ann", Refresh: []byte("first")})
	}},
	{"refresh", "grants", false, rotated},
	{"refreshes together", "grants", false, func(ctx context.Context, s *storage.Store) error {
		won, _, err := s.RotateTogether(ctx, []byte("first"), []byte("first"), []byte("answer"), "none", "living")
		if err == nil && !slices.Equal(won, []string{"living"}) {
			return fmt.Errorf("got %q rotated, want the living one", won)
		}
		return err
	}},
	{"answer again", "grants", false, func(ctx context.Context, s *storage.Store) error { return s.ConfirmGrant(ctx, "living") }},
	{"logout", "settings", true, func(ctx context.Context, s *storage.Store) error { return s.EndGrant(ctx, storage.NewID()) }},
	{"revocation", "settings", true, func(ctx context.Context, s *storage.Store) error {
		return s.RevokeToken(ctx, storage.NewID(), time.Now().Add(time.Hour))
	}},
	{"password", "grants", true, func(ctx context.Context, s *storage.Store) error {
		return s.SetPassword(ctx, "ann", "", "hash", 10, "living")
	}},
	{"renewed hash", "users", true, func(ctx context.Context, s *storage.Store) error {
		return s.RenewPassword(ctx, "ann", "hash", "hash", 10)
	}},
	{"ended user", "users", true, func(ctx context.Context, s *storage.Store) error { return s.EndUserSessions(ctx, "ann") }},
	{"ended client", "clients", true, func(ctx context.Context, s *storage.Store) error { return s.EndClientSessions(ctx, "web") }},
	{"new user", "users", true, func(ctx context.Context, s *storage.Store) error {
		return s.CreateUser(ctx, storage.User{Username: storage.NewID()})
	}},
	{"import", "users", true, func(ctx context.Context, s *storage.Store) error {
		return s.ImportUsers(ctx, []storage.User{{Username: storage.NewID()}}, false, nil)
	}},
	{"new client", "clients", true, func(ctx context.Context, s *storage.Store) error {
		return s.CreateClient(ctx, storage.Client{ID: storage.NewID()})
	}},
}

func furnished(t *testing.T, address string) *storage.Store {
	t.Helper()
	s := postgresSchema(address).Open(t, storage.Options{Migrate: true})
	for _, err := range []error{
		s.CreateUser(t.Context(), storage.User{ID: "ann", Username: "ann", PasswordHash: "hash", Epoch: "first"}),
		s.CreateClient(t.Context(), storage.Client{ID: "web"}),
		s.CreateGrant(t.Context(), storage.Grant{ID: "living", UserID: "ann", UserEpoch: "first", ClientID: "web", Refresh: []byte("first"),
			ExpiresAt: time.Now().Add(time.Hour)}),
		rotated(t.Context(), s),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// faults are what a trigger does to a write, and what becomes of that.
var faults = []struct {
	name   string
	does   string // in PL/pgSQL
	commit bool   // at the commit, else at the statement
	times  int
	// How often the write is tried, in one statement and in a transaction, and
	// whether it works in the end.
	single, whole int
	works         func(whole bool) bool
	passes        bool // the error is one of the database that passes
}{
	{"serialization failure", `RAISE EXCEPTION USING ERRCODE = '40001'`, false, 2, 3, 3, always, true},
	{"deadlock", `RAISE EXCEPTION USING ERRCODE = '40P01'`, false, 2, 3, 3, always, true},
	{"serialization failure at the commit", `RAISE EXCEPTION USING ERRCODE = '40001'`, true, 2, 3, 3, always, true},
	{"serialization failure without end", `RAISE EXCEPTION USING ERRCODE = '40001'`, false, 1000, 10, 10, never, true},
	// Its own end may be that of a statement which was committed. Before the commit
	// of a transaction it is not.
	{"backend ended", terminate, false, 2, 1, 3, inTransaction, true},
	{"backend ended at the commit", terminate, true, 2, 1, 1, never, true},
	{"cancelled by the server", `RAISE EXCEPTION USING ERRCODE = '57014'`, false, 2, 1, 1, never, true},
	{"out of connections", `RAISE EXCEPTION USING ERRCODE = '53300'`, false, 2, 1, 1, never, true},
	{"an error for good", `RAISE EXCEPTION USING ERRCODE = '22000'`, false, 2, 1, 1, never, false},
}

const terminate = `PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10)`

func always(bool) bool              { return true }
func never(bool) bool               { return false }
func inTransaction(whole bool) bool { return whole }

// A write is tried again where the server undid it and where it can't have happened,
// and for no other reason. Whatever happens, it is applied once or never.
func TestWritesAreTriedAgainOnlyWhereThatIsHarmless(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			address := postgrestest.Schema(t)
			s, db := furnished(t, address), openPostgres(t, address)
			for _, c := range changes {
				wantTries := fault.single
				if c.whole {
					wantTries = fault.whole
				}
				works := fault.works(c.whole)
				provoke(t, db, c.table, fault.does, fault.commit, fault.times)
				err := c.make(t.Context(), s)
				switch {
				case works && err != nil:
					t.Errorf("%s: got %v, want it to work", c.name, err)
				case !works && (err == nil || errors.Is(err, storage.ErrUnavailable) != fault.passes):
					t.Errorf("%s: got %v, want an error (of a database that is unavailable: %t)", c.name, err, fault.passes)
				}
				tries, applied := provoked(t, db, c.table)
				wantApplied := 0
				if works {
					wantApplied = 1
				}
				if tries != wantTries || applied != wantApplied {
					t.Errorf("%s: got %d tries and %d changes, want %d and %d", c.name, tries, applied, wantTries, wantApplied)
				}
				if err := c.make(t.Context(), s); err != nil {
					t.Errorf("%s, later: got %v, want it to work", c.name, err)
				}
			}
		})
	}
}

// provoke has the first so many changes of a table meet a fault. It counts the tries
// outside of their transactions, and the changes in them.
func provoke(t *testing.T, db *sql.DB, table, does string, commit bool, times int) {
	t.Helper()
	trigger := `CREATE TRIGGER provoke AFTER INSERT OR UPDATE OR DELETE ON %[1]s FOR EACH STATEMENT EXECUTE FUNCTION provoke()`
	if commit {
		trigger = `CREATE CONSTRAINT TRIGGER provoke AFTER INSERT OR UPDATE OR DELETE ON %[1]s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION provoke()`
	}
	execute(t, db, `CREATE SEQUENCE tries`, `CREATE TABLE applied (n BIGINT)`, fmt.Sprintf(`CREATE FUNCTION provoke() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO applied VALUES (1);
			IF nextval('tries') <= %d THEN %s; END IF;
			RETURN NULL;
		END $$`, times, does), fmt.Sprintf(trigger, table))
}

// provoked returns what provoke has counted, and ends that.
func provoked(t *testing.T, db *sql.DB, table string) (tries, applied int) {
	t.Helper()
	err := db.QueryRowContext(t.Context(), `SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries), (SELECT count(*) FROM applied)`).Scan(&tries, &applied)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, `DROP TRIGGER provoke ON `+table, `DROP FUNCTION provoke`, `DROP TABLE applied`, `DROP SEQUENCE tries`)
	return tries, applied
}

func execute(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Another transaction really is in the way: in a circle of two that wait for each
// other, and, at the strictest isolation, having changed the row first.
func TestAWriteSurvivesAnotherTransaction(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		isolation string // of the write; empty for the usual one
		deadlock  bool
	}{
		"deadlock":              {"", true},
		"serialization failure": {"serializable", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := postgrestest.Schema(t)
			s := furnished(t, postgrestest.With(t, address, "default_transaction_isolation", tt.isolation, "application_name", "victim"))
			db := openPostgres(t, address)
			other, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Rollback() // committed before, if all went well
			// Whoever waits longer finds the circle, and gives way.
			execute(t, other, `SET LOCAL deadlock_timeout = '60s'`, `UPDATE settings SET value = value + 1 WHERE name = 'revocations'`)
			done := make(chan error, 1)
			go func() { done <- s.RemoveUser(t.Context(), "ann") }() // the user's row, then the counter's
			within(t, 10*time.Second, "the write waits for the other", func() bool {
				var n int
				err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'victim' AND wait_event_type = 'Lock'`).Scan(&n)
				return err == nil && n == 1
			})
			if tt.deadlock {
				execute(t, other, `UPDATE users SET full_name = 'Ann' WHERE id = 'ann'`)
			}
			if err := other.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Errorf("got %v, want the write to be tried again", err)
			}
			if _, err := s.User(t.Context(), "ann"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("got %v, want the user gone", err)
			}
			revocations, err := s.Versions(t.Context())
			if err != nil || revocations.Revocations != 2 { // the other's, and one of ours
				t.Errorf("got %d revocations counted (%v), want 2", revocations.Revocations, err)
			}
		})
	}
}

// A connection is lost when a text passes: before the server has it, or after that and
// before its answer.
func TestALostConnectionAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		text    string
		arrives bool
		works   bool // tried again
		applied int
	}{
		{"before a statement of a transaction", "update settings", false, true, 1},
		{"after a statement of a transaction", "update settings", true, true, 1},
		{"before the commit", "commit", false, false, 0},
		{"after the commit", "commit", true, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := postgrestest.Schema(t)
			furnished(t, address)
			way := newSevering(t, address)
			s := postgresSchema(postgrestest.With(t, way.url, "default_query_exec_mode", "exec")).Open(t, storage.Options{})
			way.sever(tt.text, tt.arrives)
			err := s.RevokeToken(t.Context(), "token", time.Now().Add(time.Hour))
			if tt.works && err != nil || !tt.works && !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("got %v, want it to work: %t, else ErrUnavailable", err, tt.works)
			}
			if !way.severed() {
				t.Fatal("no connection was lost")
			}
			db := openPostgres(t, address)
			within(t, 10*time.Second, "the server knows what happened", func() bool {
				var n int
				err := db.QueryRowContext(t.Context(), `SELECT value FROM settings WHERE name = 'revocations'`).Scan(&n)
				return err == nil && n == tt.applied
			})
		})
	}
}
