package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func TestASessionLivesWhileAllItStandsOnDoes(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		change func(*storage.Session)
		now    time.Time
		want   bool
	}{
		{"nothing happened", func(*storage.Session) {}, end.Add(-time.Hour), true},
		{"the last moment", func(*storage.Session) {}, end.Add(-1), true},
		{"its end", func(*storage.Session) {}, end, false},
		{"after its end", func(*storage.Session) {}, end.Add(time.Hour), false},
		{"the user is disabled", func(s *storage.Session) { s.User.Disabled = true }, end.Add(-1), false},
		{"the user's sessions ended", func(s *storage.Session) { s.User.Epoch = "u2" }, end.Add(-1), false},
		{"the client is disabled", func(s *storage.Session) { s.Client.Disabled = true }, end.Add(-1), false},
		{"the client's sessions ended", func(s *storage.Session) { s.Client.Epoch = "c2" }, end.Add(-1), false},
	} {
		s := storage.Session{
			Grant: storage.Grant{UserEpoch: "u", ClientEpoch: "c", ExpiresAt: end},
			User:  storage.Party{Epoch: "u"}, Client: storage.Party{Epoch: "c"},
		}
		tt.change(&s)
		if got := s.Live(tt.now); got != tt.want {
			t.Errorf("%s: got live %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestARevocationCoversWhatIsOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		r            storage.Revocation
		grant, epoch string
		want         bool
	}{
		{"a token", storage.Revocation{Kind: storage.KindToken}, "g", "e", true},
		{"a grant", storage.Revocation{Kind: storage.KindGrant}, "g", "e", true},
		{"a user, before", storage.Revocation{Kind: storage.KindUser, Epoch: "new"}, "g", "old", true},
		{"a user, after", storage.Revocation{Kind: storage.KindUser, Epoch: "new"}, "g", "new", false},
		{"a user, the kept grant", storage.Revocation{Kind: storage.KindUser, Epoch: "new", KeepGrant: "g"}, "g", "old", false},
		{"a user, another grant", storage.Revocation{Kind: storage.KindUser, Epoch: "new", KeepGrant: "g"}, "h", "old", true},
		{"a user, nothing kept and no grant named", storage.Revocation{Kind: storage.KindUser, Epoch: "new"}, "", "old", true},
		{"a removed user", storage.Revocation{Kind: storage.KindUser}, "g", "old", true},
		{"a client, before", storage.Revocation{Kind: storage.KindClient, Epoch: "new"}, "g", "old", true},
		{"a client, after", storage.Revocation{Kind: storage.KindClient, Epoch: "new"}, "", "new", false},
		{"a client keeps no grant", storage.Revocation{Kind: storage.KindClient, Epoch: "new", KeepGrant: "g"}, "g", "old", true},
		{"a removed client", storage.Revocation{Kind: storage.KindClient}, "", "old", true},
	} {
		if got := tt.r.Covers(tt.grant, tt.epoch); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestAnImportErrorNamesTheUser(t *testing.T) {
	t.Parallel()
	err := &storage.ImportError{Index: 7, Err: storage.ErrExists}
	if got, want := err.Error(), "user 7: already exists"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v that is not %v, want it to be", err, storage.ErrExists)
	}
}

func TestIDsAreRandomAndFitTheirColumns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func() string
		want int
	}{{"NewID", storage.NewID, 20}, {"NewEpoch", storage.NewEpoch, 8}} {
		seen := make(map[string]bool)
		for range 1000 {
			id := tt.make()
			if len(id) != tt.want || seen[id] {
				t.Fatalf("%s: got %q, want %d characters that were never there before", tt.name, id, tt.want)
			}
			seen[id] = true
		}
	}
}
