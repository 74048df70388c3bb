package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func rotationTests() []test {
	return []test{
		{"puts the next token in the place of the presented one", testRotate},
		{"refuses any token but the live one", testRotateRefuses},
		{"has one winner, however many present the token at once", testRotateAtOnce},
		{"is answered again, and confirmed, without a change until the next", testAnswer},
		{"goes on unbroken when every winner rotates again", testRotateChain},
	}
}

func testAnswer(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	g := s.login(t, s.user(t, "ann"), s.client(t, "app"))
	_, err := s.RotateGrant(ctx, g.ID, token(g.ID, 0), token(g.ID, 1), []byte("answer"))
	check(t, err)
	want, err := s.Session(ctx, g.ID)
	check(t, err)
	s.clock.Advance(time.Second)
	wantAnswer := func(when string, presented int, answer string) {
		t.Helper()
		found, err := s.SessionOf(ctx, g.ID, token(g.ID, presented))
		check(t, err)
		equal(t, "the answer "+when, string(found.Answer), answer)
	}
	wantAnswer("to the parent", 0, "answer")
	wantAnswer("to the live token", 1, "")
	check(t, s.ConfirmGrant(ctx, g.ID))
	wantAnswer("once confirmed", 0, "answer")
	got, err := s.Session(ctx, g.ID)
	check(t, err)
	equal(t, "the grant once answered again", got.Grant, want.Grant)
	_, err = s.RotateGrant(ctx, g.ID, token(g.ID, 1), token(g.ID, 2), []byte("next"))
	check(t, err)
	wantAnswer("once its successor was used", 0, "")
	wantAnswer("to the next", 1, "next")
	check(t, s.EndGrant(ctx, g.ID))
	wantErr(t, "an ended grant", s.ConfirmGrant(ctx, g.ID), storage.ErrNotFound)
}

func testRotate(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g, other := s.login(t, ann, app), s.login(t, ann, app)
	want := g
	for n := range 3 {
		s.clock.Advance(time.Minute)
		answer := fmt.Append(nil, "sealed\x00\xff", n)
		won, err := s.RotateGrant(ctx, g.ID, token(g.ID, n), token(g.ID, n+1), answer)
		if !won || err != nil {
			t.Fatalf("rotation %d: got %t, %v, want true", n+1, won, err)
		}
		want.Previous, want.Refresh, want.RotatedAt = token(g.ID, n), token(g.ID, n+1), s.clock.Now()
		got, err := s.Session(ctx, g.ID)
		check(t, err)
		equal(t, fmt.Sprintf("the grant after rotation %d", n+1), got.Grant, want)
		got, err = s.SessionOf(ctx, g.ID, token(g.ID, n))
		check(t, err)
		equal(t, fmt.Sprintf("the answer of rotation %d", n+1), got.Answer, answer)
	}
	got, err := s.Session(ctx, other.ID)
	check(t, err)
	equal(t, "the other grant", got.Grant, other)
}

func testRotateRefuses(t *testing.T, db Database) {
	s, ctx := open(t, db), t.Context()
	ann, app := s.user(t, "ann"), s.client(t, "app")
	g, other := s.login(t, ann, app), s.login(t, ann, app)
	bare := s.grant(ann, app)
	bare.Refresh = nil // a grant without refresh tokens
	check(t, s.CreateGrant(ctx, bare))
	won, err := s.RotateGrant(ctx, g.ID, token(g.ID, 0), token(g.ID, 1), []byte("answer"))
	if !won || err != nil {
		t.Fatalf("got %t, %v, want true", won, err)
	}
	before, err := s.Session(ctx, g.ID)
	check(t, err)
	s.clock.Advance(time.Minute)

	for _, tt := range []struct {
		name, grant string
		presented   []byte
	}{
		{"a used token", g.ID, token(g.ID, 0)},
		{"a token to come", g.ID, token(g.ID, 2)},
		{"a token of another grant", g.ID, other.Refresh},
		{"a live token under another grant", other.ID, token(g.ID, 1)},
		{"no token", g.ID, nil},
		{"an empty token", g.ID, []byte{}},
		{"no token of a grant without one", bare.ID, nil},
		{"a token of no grant", "nowhere", token(g.ID, 1)},
	} {
		won, err := s.RotateGrant(ctx, tt.grant, tt.presented, token(g.ID, 99), []byte("forged"))
		if won || err != nil {
			t.Errorf("%s: got %t, %v, want false", tt.name, won, err)
		}
	}
	after, err := s.Session(ctx, g.ID)
	check(t, err)
	equal(t, "the grant afterwards", after, before)
}

func testRotateAtOnce(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ann, app := nodes[0].user(t, "ann"), nodes[0].client(t, "app")
	for range 4 {
		g := nodes[0].login(t, ann, app)
		var winners, winner atomic.Int64
		together(t, 64, func(ctx context.Context, i int) error {
			won, err := nodes[i%2].RotateGrant(ctx, g.ID, token(g.ID, 0), token(g.ID, i+1), fmt.Append(nil, "answer ", i))
			if won {
				winners.Add(1)
				winner.Store(int64(i))
			}
			return err
		})
		if got := winners.Load(); got != 1 {
			t.Errorf("got %d winners of 64, want 1", got)
		}
		want := g
		want.Previous, want.Refresh = g.Refresh, token(g.ID, int(winner.Load())+1)
		want.RotatedAt = nodes[0].clock.Now()
		for _, s := range nodes {
			got, err := s.Session(t.Context(), g.ID)
			check(t, err)
			equal(t, "the grant", got.Grant, want)
			got, err = s.SessionOf(t.Context(), g.ID, g.Refresh)
			check(t, err)
			equal(t, "the answer", string(got.Answer), fmt.Sprint("answer ", winner.Load()))
		}
	}
}

// Eight clients that share a session refresh as fast as they can. Each rotation
// has one winner, so the chain has no gap and no fork.
func testRotateChain(t *testing.T, db Database) {
	const rotations = 24
	nodes := openTwo(t, db)
	g := nodes[0].login(t, nodes[0].user(t, "ann"), nodes[0].client(t, "app"))
	var winners [rotations]atomic.Int64
	together(t, 8, func(ctx context.Context, i int) error {
		for n := range rotations {
			won, err := nodes[i%2].RotateGrant(ctx, g.ID, token(g.ID, n), token(g.ID, n+1), nil)
			if err != nil {
				return err
			}
			if won {
				winners[n].Add(1)
			}
		}
		return nil
	})
	for n := range winners {
		if got := winners[n].Load(); got != 1 {
			t.Errorf("rotation %d: got %d winners, want 1", n+1, got)
		}
	}
	got, err := nodes[1].Session(t.Context(), g.ID)
	check(t, err)
	equal(t, "the live token", got.Refresh, token(g.ID, rotations))
	equal(t, "its parent", got.Previous, token(g.ID, rotations-1))
	if !got.Live(nodes[1].clock.Now()) {
		t.Errorf("got a dead session %+v, want a live one", storage.Session(got))
	}
}
