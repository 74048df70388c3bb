package storage_test

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// A node whose connection for notifications is cut learns by the next one.
func TestTheFeedComesBackAfterItsConnectionIsCut(t *testing.T) {
	t.Parallel()
	address := postgrestest.With(t, postgrestest.Schema(t), "application_name", "usher "+t.Name())
	s := postgresSchema(address).Open(t, storage.Options{Migrate: true})
	db := openPostgres(t, address)
	for range 5 {
		if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = $1 AND pid <> pg_backend_pid()`, "usher "+t.Name()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Changed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `UPDATE settings SET value = value + 1 WHERE name = 'revocations'`); err != nil {
			t.Fatal(err)
		}
		within(t, 2*time.Second, "the node learns of a commit without a notification", func() bool {
			changed, err := s.Changed(t.Context())
			return err == nil && changed
		})
	}
}

// A node that can't hear asks, and where it can't ask it says so within its limit.
func TestWithoutTheServerEverythingSaysSoAndRecovers(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.NewCluster(t)
	s := postgresSchema(cluster.URL).Open(t, storage.Options{Migrate: true})
	if err := s.CreateUser(t.Context(), storage.User{Username: "ann"}); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Second, "nothing changed", func() bool {
		changed, err := s.Changed(t.Context())
		return err == nil && !changed
	})
	cluster.Kill()
	within(t, 5*time.Second, "a node that hears nothing asks each time", func() bool {
		first, err1 := s.Changed(t.Context())
		second, err2 := s.Changed(t.Context())
		return first && second && err1 == nil && err2 == nil
	})
	for name, call := range map[string]func() error{
		"Versions":    func() error { _, err := s.Versions(t.Context()); return err },
		"UserByName":  func() error { _, err := s.UserByName(t.Context(), "ann"); return err },
		"EndGrant":    func() error { return s.EndGrant(t.Context(), "g") },
		"Revocations": func() error { _, err := s.Revocations(t.Context(), 0); return err },
	} {
		start := time.Now()
		if err := call(); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v to say so", name, took)
		}
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "the node works again", func() bool {
		_, err := s.UserByName(t.Context(), "ann")
		return err == nil
	})
	within(t, 10*time.Second, "the node hears again", func() bool {
		changed, err := s.Changed(t.Context())
		return err == nil && !changed
	})
}

// No method holds one connection while it waits for another.
func TestManyMoreCallersThanConnections(t *testing.T) {
	t.Parallel()
	s := postgresSchema(postgrestest.With(t, postgrestest.Schema(t), "pool_max_conns", "4")).Open(t, storage.Options{Migrate: true})
	ctx := t.Context()
	if err := s.CreateClient(ctx, storage.Client{ID: "web"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			name := storage.NewID()
			for _, err := range []error{
				s.CreateUser(ctx, storage.User{ID: name, Username: name}),
				s.CreateGrant(ctx, storage.Grant{ID: name, UserID: name, ClientID: "web", Refresh: []byte(name)}),
				second(s.RotateGrant(ctx, name, []byte(name), []byte("next"), nil)),
				s.RevokeToken(ctx, name, time.Now()),
				s.SetPassword(ctx, name, "", "hash", 10, name),
				s.ChangeUser(ctx, name, storagetest.DisableUser),
				second(s.Session(ctx, name)),
				s.EndGrant(ctx, name),
				s.EndClientSessions(ctx, "web"),
				second(s.Prune(ctx, 10)),
			} {
				if err != nil && !errors.Is(err, storage.ErrNotFound) { // pruned by another one
					t.Errorf("got %v, want no error", err)
				}
			}
		})
	}
	wg.Wait()
}

func second[T any](_ T, err error) error { return err }

func TestTenNodesStartAtOnceOnAnEmptyServer(t *testing.T) {
	t.Parallel()
	address := postgrestest.Schema(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			s, err := storage.Open(t.Context(), address, storage.Options{Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	version, pending, err := storage.Plan(t.Context(), address)
	if err != nil || version == 0 || len(pending) > 0 {
		t.Errorf("got version %d and %d migrations to come (%v), want all done", version, len(pending), err)
	}
}

func TestOfSeveralHostsTheOneThatTakesWritesIsUsed(t *testing.T) {
	t.Parallel()
	primary := postgrestest.NewCluster(t, "wal_level = replica", "hot_standby = on")
	standby := primary.Standby(t)
	s := postgresSchema(postgrestest.Hosts(t, standby, primary)).Open(t, storage.Options{Migrate: true})
	if err := s.CreateUser(t.Context(), storage.User{Username: "ann"}); err != nil {
		t.Errorf("got %v, want the write at the primary", err)
	}
}

// An error is shown to people, and the URL of a server may hold a password.
func TestThePasswordOfAServerIsNotShown(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://ann:swordfish@127.0.0.1:1/usher",
		"postgres://ann:swordfish@127.0.0.1:notaport/usher",
		"postgres://ann:swordfish@127.0.0.1/usher?pool_max_conns=swordfish0",
	} {
		_, err := storage.Open(t.Context(), address, storage.Options{})
		if err == nil {
			t.Fatalf("%s: got no error", address)
		}
		if got := err.Error(); strings.Contains(got, "swordfish@") || strings.Contains(got, "ann:") {
			t.Errorf("got %q, want no password in it", got)
		}
	}
}

func openPostgres(t *testing.T, address string) *sql.DB {
	t.Helper()
	return openNamed(t, address, "test")
}

// openNamed opens a database whose server knows the connections by that name.
func openNamed(t *testing.T, address, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", postgrestest.With(t, address, "pool_max_conns", "", "application_name", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func scan(t *testing.T, db *sql.DB, dest []any, query string, args ...any) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(dest...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// within waits until ok, and fails where that takes too long.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(limit); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%s: not within %v", what, limit)
			return
		}
	}
}
