package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func testAtHome(t *testing.T, db Database) {
	s := open(t, db)
	s.enter(t, guess("right"))
	for i := range 50 {
		s.allowed(t, from(fmt.Sprint("stranger-", i), i))
	}
	s.wantRefused(t, from("stranger", "x"), storage.LimitAccount, 72*time.Second)
	for i := range 500 {
		s.allowed(t, at(fmt.Sprint("nobody-", i), i))
	}
	s.wantRefused(t, at("nobody", "x"), storage.LimitNetwork, 7200*time.Millisecond)
	s.enter(t, guess("right"))
	// At home too there is a limit.
	for i := range storage.FreeGuesses {
		s.allowed(t, guess(i))
	}
	s.wantRefused(t, guess("x"), storage.LimitDelay, time.Second)
}

// Somebody on the user's own network, who begins anew with each login of the user.
func testHomeBudget(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	login := func() {
		t.Helper()
		var all []storage.Charged
		for range 3 { // of several programs at once
			all = append(all, s.allowed(t, guess("right")))
		}
		for _, charged := range all {
			check(t, s.GuessedRight(ctx, charged))
		}
	}
	login()
	together(t, 100, func(ctx context.Context, _ int) error {
		charged, err := s.Charge(ctx, guess("right"))
		if err != nil {
			return err
		}
		return s.GuessedRight(ctx, charged)
	})
	for i := range 50 {
		login()
		s.allowed(t, guess(i))
	}
	s.wantRefused(t, guess("x"), storage.LimitHome, 72*time.Second)
	s.wantRefused(t, guess("right"), storage.LimitHome, 72*time.Second)
	s.clock.Advance(72 * time.Second)
	login()
	s.allowed(t, guess("y"))
	s.wantRefused(t, guess("x"), storage.LimitHome, 72*time.Second)
}

func testHomeIsNotCounted(t *testing.T, db Database) {
	s := open(t, db)
	for i := range 120 {
		user := fmt.Sprint("user-", i)
		s.enter(t, at(user, "right"))
		for j := range 5 {
			s.allowed(t, at(user, j))
		}
	}
	s.allowed(t, at("a new user", "x"))
}

func testHomeExpires(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	const day = 24 * time.Hour
	atHome := func() bool {
		for i := range 60 {
			_, err := s.Charge(ctx, from(fmt.Sprint("stranger-", s.clock.Now(), i), i))
			if refused := (*storage.ThrottledError)(nil); errors.As(err, &refused) {
				break
			}
			check(t, err)
		}
		_, err := s.Charge(ctx, guess(fmt.Sprint("at ", s.clock.Now())))
		return err == nil
	}
	login := func() {
		t.Helper()
		s.enter(t, guess("right"))
	}
	login()
	for range 3 { // each login begins the days anew, or nearly so
		s.clock.Advance(28 * day)
		if !atHome() {
			t.Fatal("28 days after a login: got the user kept out at home")
		}
		s.clock.Advance(time.Hour)
		login()
	}
	s.clock.Advance(storage.KnownFor)
	if atHome() {
		t.Error("30 days after the last login: got the user at home, want a stranger")
	}
}
