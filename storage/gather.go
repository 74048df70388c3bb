package storage

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gathered asks a database that is a way there and back away for many callers at once.
// While a statement is under way, whoever comes waits for its end and goes with all
// others who wait, so the busier the database, the cheaper each question. Nobody waits
// for others to come, and nobody gets an answer from before he asked.
type gathered[Q, A any] struct {
	// ask answers all of a group: it sets the answer and err of each.
	ask func(ctx context.Context, group []*asked[Q, A])

	mu      sync.Mutex
	running int
	waiting []*asked[Q, A]
}

const (
	// gatherPatience is how long the end of a statement is waited for. After that another
	// one goes beside it: it may wait for a row, or be on a connection that is dead.
	gatherPatience = 5 * time.Millisecond
	// maxGathers bounds how many go beside each other. A node has as many connections.
	maxGathers = 16
	// maxGathered bounds what one statement asks.
	maxGathered = 128
)

// asked is one caller's question.
type asked[Q, A any] struct {
	question Q
	answer   A
	err      error

	// turn gets those whom this one has to ask for, itself the first, or nothing once
	// another has asked for it.
	turn chan []*asked[Q, A]
}

// get returns the answer to a question. It returns ctx's error where that ended before
// the question was under way: then it never will be. With the context of one caller
// nothing ends that others wait for.
func (g *gathered[Q, A]) get(ctx context.Context, question Q) (A, error) {
	a := &asked[Q, A]{question: question, turn: make(chan []*asked[Q, A], 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	g.begin(1)
	g.mu.Unlock()

	began, patience := time.Now(), time.NewTimer(gatherPatience)
	defer patience.Stop()
	var gaveUp error
	for gaveUp == nil {
		select {
		case group := <-a.turn:
			return g.lead(ctx, a, group)
		case <-ctx.Done():
			gaveUp = ctx.Err()
		case <-patience.C:
			g.mu.Lock()
			g.begin(maxGathers)
			g.mu.Unlock()
			patience.Reset(gatherPatience)
			if time.Since(began) > readLimit {
				gaveUp = ErrUnavailable
			}
		}
	}
	if g.leave(a) {
		return a.answer, gaveUp
	}
	return g.lead(ctx, a, <-a.turn) // its turn has come, in this moment or before
}

// begin gives the turn to those who wait, where fewer than limit have it. g.mu is held.
func (g *gathered[Q, A]) begin(limit int) {
	n := min(len(g.waiting), maxGathered)
	if n == 0 || g.running >= limit {
		return
	}
	g.running++
	group := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	group[0].turn <- group
}

// leave takes a from among those who wait, and reports whether it was there.
func (g *gathered[Q, A]) leave(a *asked[Q, A]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, a)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// lead asks for the group, passes the turn on, and returns the answer to a.
func (g *gathered[Q, A]) lead(ctx context.Context, a *asked[Q, A], group []*asked[Q, A]) (A, error) {
	if len(group) == 0 { // another has asked
		return a.answer, a.err
	}
	for _, each := range group {
		each.err = ErrUnavailable // unless it is answered
	}
	defer func() {
		for _, other := range group[1:] {
			other.turn <- nil
		}
		g.end()
	}()
	if len(group) > 1 {
		ctx = context.WithoutCancel(ctx)
	}
	g.ask(ctx, group)
	return a.answer, a.err
}

// end passes the turn on.
func (g *gathered[Q, A]) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.begin(1)
}
