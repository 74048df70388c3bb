package storage_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// A revocation that is being written while tokens are given a longer life was measured
// by the old one: it is there before the first token of the longer life can be, or it is
// measured by the new one.
func TestALongerLifetimeAndARevocationWaitForEachOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		held string // what a transaction that is not committed yet has written
		do   func(*storage.Store) error
	}{
		"a revocation is under way": {
			`UPDATE settings SET value = value + 1 WHERE name = 'revocations'`,
			func(s *storage.Store) error {
				return s.SaveAudience(t.Context(), 0, storage.Audience{URI: "a", TTL: 24 * time.Hour})
			},
		},
		"a longer lifetime is under way": {
			`UPDATE settings SET value = CASE name WHEN 'access_token_ttl' THEN 86400000 ELSE value END WHERE name IN ('revocations', 'access_token_ttl')`,
			func(s *storage.Store) error { return s.EndUserSessions(t.Context(), "ann") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Schema(t)
			s := postgresSchema(url).Open(t, storage.Options{Migrate: true})
			if err := s.CreateUser(t.Context(), storage.User{Username: "ann"}); err != nil {
				t.Fatal(err)
			}
			conn, err := pgx.Connect(t.Context(), postgrestest.With(t, url, "pool_max_conns", ""))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context()) // the transaction ends with it at the latest
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), tt.held); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- tt.do(s) }()
			var waits bool
			within(t, 10*time.Second, "it waits or is done", func() bool {
				// pg_locks, unlike pg_stat_activity, is looked at anew in each statement.
				err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks
					WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&waits)
				return err != nil || waits || len(done) > 0
			})
			if !waits {
				t.Fatal("it did not wait for the other transaction")
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			list, err := s.Revocations(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if time.Until(r.Until) < 23*time.Hour {
					t.Errorf("the revocation is kept until %s, want it for a day", r.Until)
				}
			}
			if ttl, err := s.AccessTokenTTL(t.Context()); err != nil || ttl != 24*time.Hour {
				t.Errorf("got a longest lifetime of %s, %v, want a day", ttl, err)
			}
		})
	}
}
