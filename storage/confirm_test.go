package storage_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// A commit whose wait for the standby was broken off can be read. What is read of it
// is confirmed once the standby has it, and not before.
func TestConfirmingWaitsForTheStandby(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.NewCluster(t, "synchronous_standby_names = 'away'")
	alone := postgrestest.With(t, cluster.URL, "synchronous_commit", "local")
	furnished(t, alone)
	s, db := postgresSchema(cluster.URL).Open(t, storage.Options{}), openPostgres(t, alone)
	waiting := func(query string) (n int) {
		err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE $1`, query+"%").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, refresh := range []struct {
		statement string
		do        func() error
	}{
		{"WITH asked", func() error {
			_, _, err := s.RotateTogether(t.Context(), []byte("first"), []byte("first"), []byte("answer"), "living", "none")
			return err
		}},
		{"UPDATE grants SET refresh_hash", func() error {
			_, err := s.RotateGrant(t.Context(), "living", []byte("first"), []byte("next"), []byte("the next answer"))
			return err
		}},
	} {
		done := make(chan error, 1)
		go func() { done <- refresh.do() }()
		within(t, 10*time.Second, "the refresh waits for the standby", func() bool { return waiting(refresh.statement) == 1 })
		execute(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		if err := <-done; !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", refresh.statement, err)
		}
	}
	found, err := s.SessionOf(t.Context(), "living", []byte("first"))
	if err != nil || string(found.Answer) != "the next answer" {
		t.Fatalf("got %q (%v), want what the primary alone has", found.Answer, err)
	}
	confirmed := make(chan error, 1)
	go func() { confirmed <- s.ConfirmGrant(t.Context(), "living") }()
	within(t, 10*time.Second, "the confirmation waits for the standby", func() bool { return waiting("UPDATE grants SET rotated_at") == 1 })
	execute(t, db, `ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`)
	if err := <-confirmed; err != nil {
		t.Errorf("got %v, want it confirmed", err)
	}
}

// A refresh whose row another transaction holds keeps no other waiting.
func TestRefreshesTogetherWaitForNoRow(t *testing.T) {
	t.Parallel()
	address := postgrestest.Schema(t)
	s, db := furnished(t, address), openPostgres(t, address)
	err := s.CreateGrant(t.Context(), storage.Grant{ID: "free", UserID: "ann", UserEpoch: "first", ClientID: "web", Refresh: []byte("first")})
	if err != nil {
		t.Fatal(err)
	}
	other, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	execute(t, other, `SELECT id FROM grants WHERE id = 'living' FOR UPDATE`)
	won, alone, err := s.RotateTogether(t.Context(), []byte("first"), []byte("next"), []byte("answer"), "living", "free", "free", "none")
	if err != nil || !slices.Equal(won, []string{"free"}) || !slices.Equal(alone, []string{"living", "free", "none"}) {
		t.Errorf("got %q rotated, and %q to go alone (%v), want the free one rotated", won, alone, err)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"living": true, "free": false, "none": false} {
		if won, err := s.RotateGrant(t.Context(), id, []byte("first"), []byte("next"), []byte("answer")); won != want || err != nil {
			t.Errorf("%s alone: got %t (%v), want %t", id, won, err, want)
		}
	}
}

// A transaction may pass its limit between two statements, on a machine that stood still:
// that is no fault of the request.
func TestATransactionThatOutlivesItsLimitIsUnavailable(t *testing.T) {
	t.Parallel()
	s := postgresSchema(postgrestest.Schema(t)).Open(t, storage.Options{Migrate: true})
	if err := s.Outlive(t.Context(), 10*time.Millisecond); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
