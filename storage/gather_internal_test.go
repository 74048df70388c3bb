package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// desk is a database that answers a question with itself, once it may.
type desk struct {
	gathered[int, string]
	groups chan []int    // those it was asked
	may    chan struct{} // takes one for each answer
}

func newDesk() *desk {
	d := &desk{groups: make(chan []int, 1000), may: make(chan struct{}, 1000)}
	d.ask = func(ctx context.Context, group []*asked[int, string]) {
		var questions []int
		for _, a := range group {
			questions = append(questions, a.question)
		}
		d.groups <- questions
		var err error
		select {
		case <-d.may:
		case <-ctx.Done():
			err = ctx.Err()
		}
		for _, a := range group {
			a.answer, a.err = fmt.Sprint(a.question), err
		}
	}
	return d
}

// asks has somebody ask, and returns once he waits for his turn or has it.
func (d *desk) asks(ctx context.Context, t *testing.T, question int) (outcome <-chan error) {
	t.Helper()
	done := make(chan error, 1)
	before := d.here()
	go func() {
		answer, err := d.get(ctx, question)
		if err == nil && answer != fmt.Sprint(question) {
			err = fmt.Errorf("got the answer %q to %d", answer, question)
		}
		done <- err
	}()
	for d.here() == before && len(done) == 0 {
		runtime.Gosched()
	}
	return done
}

func (d *desk) here() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running*1000 + len(d.waiting)
}

// wantGroup waits for the next group that is asked for.
func (d *desk) wantGroup(t *testing.T, want ...int) {
	t.Helper()
	select {
	case got := <-d.groups:
		if !slices.Equal(got, want) {
			t.Errorf("got the group %d, want %d", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no group, want %d", want)
	}
}

func wantOutcome(t *testing.T, of <-chan error, want error) {
	t.Helper()
	select {
	case err := <-of:
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no outcome, want %v", want)
	}
}

func TestThoseWhoComeMeanwhileGoTogether(t *testing.T) {
	t.Parallel()
	d := newDesk()
	first := d.asks(t.Context(), t, 1)
	d.wantGroup(t, 1)
	// Before anyone loses patience, which only the lock can make sure of.
	d.mu.Lock()
	var others []*asked[int, string]
	for question := 2; question <= 4; question++ {
		a := &asked[int, string]{question: question, turn: make(chan []*asked[int, string], 1)}
		d.waiting, others = append(d.waiting, a), append(others, a)
	}
	d.mu.Unlock()
	d.may <- struct{}{}
	wantOutcome(t, first, nil)
	group := <-others[0].turn
	d.may <- struct{}{}
	if answer, err := d.lead(t.Context(), others[0], group); answer != "2" || err != nil {
		t.Errorf("got %q (%v), want 2", answer, err)
	}
	d.wantGroup(t, 2, 3, 4)
	for _, other := range others[1:] {
		if answer, err := d.lead(t.Context(), other, <-other.turn); answer != fmt.Sprint(other.question) || err != nil {
			t.Errorf("got %q (%v), want %d", answer, err, other.question)
		}
	}
	if d.here() != 0 {
		t.Error("somebody is still there")
	}
}

func TestNobodyWaitsLongForAStatementThatHangs(t *testing.T) {
	t.Parallel()
	d := newDesk()
	var hang []<-chan error
	for question := range maxGathers {
		hang = append(hang, d.asks(t.Context(), t, question))
		d.wantGroup(t, question) // beside the others, which have no answer
	}
	late := d.asks(t.Context(), t, 100)
	wantOutcome(t, late, ErrUnavailable) // no more than so many hang
	for range hang {
		d.may <- struct{}{}
	}
	for _, outcome := range hang {
		wantOutcome(t, outcome, nil)
	}
	d.may <- struct{}{}
	wantOutcome(t, d.asks(t.Context(), t, 101), nil)
}

func TestWhoLeavesLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	d := newDesk()
	for question := range maxGathers {
		d.asks(t.Context(), t, question)
		d.wantGroup(t, question)
	}
	impatient, leave := context.WithCancel(t.Context())
	leads, leaves := d.asks(impatient, t, 10), d.asks(impatient, t, 11)
	stays := d.asks(t.Context(), t, 12)
	leave()
	wantOutcome(t, leads, context.Canceled)
	wantOutcome(t, leaves, context.Canceled)
	for range maxGathers + 1 {
		d.may <- struct{}{}
	}
	wantOutcome(t, stays, nil)
	d.wantGroup(t, 12)
}

// Many ask, some leave, and everyone gets the answer to his own question.
func TestEveryoneGetsHisOwnAnswer(t *testing.T) {
	t.Parallel()
	var g gathered[int, string]
	var asks atomic.Int64
	g.ask = func(_ context.Context, group []*asked[int, string]) {
		asks.Add(1)
		for _, a := range group {
			a.answer, a.err = fmt.Sprint(a.question), nil
			if a.question%7 == 0 {
				a.answer, a.err = "", ErrNotFound
			}
		}
	}
	const callers, each = 64, 500
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				question := caller*each + i + 1
				ctx, cancel := context.WithCancel(t.Context())
				if i%5 == 0 {
					go cancel()
				}
				answer, err := g.get(ctx, question)
				cancel()
				switch {
				case i%5 == 0 && errors.Is(err, context.Canceled):
				case question%7 == 0 && errors.Is(err, ErrNotFound) && answer == "":
				case err == nil && question%7 != 0 && answer == fmt.Sprint(question):
				default:
					t.Errorf("got %q (%v) for %d", answer, err, question)
				}
			}
		})
	}
	all.Wait()
	if g.running != 0 || len(g.waiting) != 0 {
		t.Errorf("%d run and %d wait, want none", g.running, len(g.waiting))
	}
	t.Logf("%d questions in %d statements", callers*each, asks.Load())
}
