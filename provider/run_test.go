package provider_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

func TestRunDeletesWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(c *provider.Config) {
			c.Now = nil // the bubble's clock
		})
		user, err := s.store.UserByName(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		client, err := s.store.Client(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		grant := func(id string, expires time.Time) {
			g := storage.Grant{ID: id, UserID: user.ID, ClientID: client.ID, ExpiresAt: expires}
			if err := s.store.CreateGrant(t.Context(), g); err != nil {
				t.Fatal(err)
			}
		}
		over := s.clock.Now().Add(-s.config.AccessTokenTTL)
		for range 1200 { // several steps' worth
			grant(storage.NewID(), over)
		}
		grant("past", over)
		grant("living", s.clock.Now().Add(time.Hour))

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			s.Run(ctx)
			close(ended)
		}()
		time.Sleep(11 * time.Second)
		if _, err := s.store.Session(t.Context(), "past"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the expired grant: got %v, want not found", err)
		}
		if _, err := s.store.Session(t.Context(), "living"); err != nil {
			t.Errorf("the living grant: got %v, want it there", err)
		}
		if n, err := s.store.Prune(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("%d dead rows were left (%v), want none", n, err)
		}
		if got := s.Figures(); got.Pruned < 1201 || got.PruneLag > 0 {
			t.Errorf("got %d rows pruned with a lag of %v, want all of them and none", got.Pruned, got.PruneLag)
		}
		cancel()
		<-ended
	})
}
