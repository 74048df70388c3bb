package credentials_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usher-oauth/usher/credentials"
)

// These tests run in a bubble, where time stands still while a worker is at
// work, and a job's duration is a time.Sleep that takes none.

// hold keeps a worker of p busy until the test calls release.
func hold(t *testing.T, p *credentials.Pool) (release func()) {
	t.Helper()
	free := make(chan struct{})
	go func() {
		if err := p.Do(t.Context(), 1, func() { <-free }); err != nil {
			t.Errorf("holding a worker: got %v, want no error", err)
		}
	}()
	synctest.Wait()
	return func() {
		close(free)
		synctest.Wait()
	}
}

// queue has a job wait in p. The channel gets what becomes of it.
func queue(ctx context.Context, p *credentials.Pool, units uint64, f func()) <-chan error {
	result := make(chan error, 1)
	go func() { result <- p.Do(ctx, units, f) }()
	synctest.Wait()
	return result
}

func nothing() {}

// waits is what a pool counts of jobs of which so many waited for nothing, and so many
// at most 50 ms.
func waits(nothing, little uint64) (w [8]uint64) {
	for i, bound := range credentials.WaitBounds() {
		w[i] = nothing
		if bound >= 50*time.Millisecond {
			w[i] = little
		}
	}
	return w
}

func TestPoolRunsAsManyJobsAsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 2})
		defer p.Close()
		one, two := hold(t, p), hold(t, p)
		waiting := queue(t.Context(), p, 1, nothing)

		got := p.Stats()
		if want := (credentials.PoolStats{Waiting: 1, Running: 2, Waits: waits(2, 2)}); got != want {
			t.Errorf("two workers, three jobs: got %+v, want %+v", got, want)
		}
		time.Sleep(30 * time.Millisecond)
		one()
		if err := <-waiting; err != nil {
			t.Errorf("third job: got %v, want no error", err)
		}
		two()
		got = p.Stats()
		if want := (credentials.PoolStats{Done: 3, Units: 3, Waits: waits(2, 3), Waited: 30 * time.Millisecond}); got != want {
			t.Errorf("in the end: got %+v, want %+v", got, want)
		}
	})
}

func TestPoolRunsJobsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1})
		defer p.Close()
		release := hold(t, p)
		var got []int
		for i := range 5 {
			queue(t.Context(), p, 1, func() { got = append(got, i) })
		}
		release()
		for i := range 5 {
			if len(got) != 5 || got[i] != i {
				t.Fatalf("got order %v, want 0 to 4", got)
			}
		}
	})
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Queue: 1})
		defer p.Close()
		release := hold(t, p)
		defer release()
		queue(t.Context(), p, 1, nothing)

		start := time.Now()
		err := p.Do(t.Context(), 1, func() { t.Error("refused job ran") })
		if took := time.Since(start); !errors.Is(err, credentials.ErrBusy) || took != 0 {
			t.Errorf("got %v after %v, want ErrBusy at once", err, took)
		}
		if got := p.Stats().Refused; got != 1 {
			t.Errorf("got %d refused, want 1", got)
		}
		if got := p.RetryAfter(); got != time.Second {
			t.Errorf("RetryAfter before anything was measured: got %v, want 1s", got)
		}
	})
}

func TestHopelessWaitIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Wait: 3 * time.Second})
		defer p.Close()
		if err := p.Do(t.Context(), 10, func() { time.Sleep(time.Second) }); err != nil {
			t.Fatal(err)
		}
		// A unit takes 100 ms now.
		release := hold(t, p)
		defer release()
		queue(t.Context(), p, 25, nothing)
		if got, want := p.RetryAfter(), 3*time.Second; got != want {
			t.Errorf("RetryAfter with 2.5 s queued: got %v, want %v", got, want)
		}
		queue(t.Context(), p, 25, nothing) // at 2.5 s: still in time
		start := time.Now()
		err := p.Do(t.Context(), 1, nothing) // at 5 s: hopeless
		if took := time.Since(start); !errors.Is(err, credentials.ErrBusy) || took != 0 {
			t.Errorf("got %v after %v, want ErrBusy at once", err, took)
		}
		if got, want := p.RetryAfter(), 5*time.Second; got != want {
			t.Errorf("RetryAfter with 5 s queued: got %v, want %v", got, want)
		}
	})
}

func TestIdlePoolNeverRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Wait: time.Second})
		defer p.Close()
		for range 3 {
			if err := p.Do(t.Context(), 1, func() { time.Sleep(time.Minute) }); err != nil {
				t.Errorf("got %v, want no error, however slow the job before was", err)
			}
		}
	})
}

// A short job that stalled must not make long ones look hopeless.
func TestShortJobSaysLittleOfLongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1})
		defer p.Close()
		for _, job := range []struct {
			units uint64
			took  time.Duration
		}{{4096, 250 * time.Millisecond}, {16, time.Second}} {
			if err := p.Do(t.Context(), job.units, func() { time.Sleep(job.took) }); err != nil {
				t.Fatal(err)
			}
		}
		release := hold(t, p)
		defer release()
		for range 4 {
			queue(t.Context(), p, 4096, nothing)
		}
		if got, want := p.RetryAfter(), 6*time.Second; got != want {
			t.Errorf("RetryAfter with four long jobs queued: got %v, want %v", got, want)
		}
		if got := p.Stats(); got.Waiting != 4 || got.Refused != 0 {
			t.Errorf("got %+v, want four waiting, none refused", got)
		}
	})
}

func TestWaitEndsAtDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Wait: 3 * time.Second})
		defer p.Close()
		release := hold(t, p)
		start := time.Now()
		err := p.Do(t.Context(), 1, func() { t.Error("refused job ran") })
		if took := time.Since(start); !errors.Is(err, credentials.ErrBusy) || took != 3*time.Second {
			t.Errorf("got %v after %v, want ErrBusy after 3s", err, took)
		}
		release()
		got := p.Stats()
		if want := (credentials.PoolStats{Done: 1, Refused: 1, Units: 1, Waits: waits(1, 1)}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// Wait bounds the waiting, not the work.
func TestRunningJobOutlivesDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Wait: time.Second})
		defer p.Close()
		if err := p.Do(t.Context(), 1, func() { time.Sleep(time.Minute) }); err != nil {
			t.Errorf("job longer than Wait: got %v, want no error", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		err := p.Do(ctx, 1, func() { time.Sleep(time.Minute) })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 2*time.Second {
			t.Errorf("caller's deadline while the job runs: got %v after %v, want its error after 2s", err, took)
		}
	})
}

func TestCancelledJobIsNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1, Queue: 1})
		defer p.Close()
		release := hold(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		result := queue(ctx, p, 1, func() { t.Error("cancelled job ran") })
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting: got %v, want context.Canceled", err)
		}
		next := queue(t.Context(), p, 1, nothing) // there is room again
		release()
		if err := <-next; err != nil {
			t.Errorf("job after the cancelled one: got %v, want no error", err)
		}
		if err := p.Do(ctx, 1, func() { t.Error("job of a cancelled caller ran") }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: got %v, want context.Canceled", err)
		}
	})
}

func TestCallerCancelledMidJobReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1})
		defer p.Close()
		free := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		result := queue(ctx, p, 1, func() { <-free })
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if got := p.Stats().Running; got != 1 {
			t.Errorf("got %d running, want the job to go on", got)
		}
		close(free)
	})
}

func TestCloseWaitsForRunningJobsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := credentials.NewPool(credentials.PoolConfig{Workers: 1})
		release := hold(t, p)
		waiting := queue(t.Context(), p, 1, func() { t.Error("job ran after Close") })
		closed := make(chan struct{})
		go func() {
			p.Close()
			close(closed)
		}()
		synctest.Wait()
		if err := <-waiting; !errors.Is(err, credentials.ErrClosed) {
			t.Errorf("waiting job: got %v, want ErrClosed", err)
		}
		select {
		case <-closed:
			t.Error("Close returned while a job ran")
		default:
		}
		release()
		<-closed
		if err := p.Do(t.Context(), 1, nothing); !errors.Is(err, credentials.ErrClosed) {
			t.Errorf("after Close: got %v, want ErrClosed", err)
		}
	})
}

func TestPoolDefaults(t *testing.T) {
	t.Parallel()
	p := credentials.NewPool(credentials.PoolConfig{})
	defer p.Close()
	if got := p.Cost(); got != credentials.DefaultCost {
		t.Errorf("cost: got %d, want %d", got, credentials.DefaultCost)
	}
	if got := p.Workers(); got < 1 {
		t.Errorf("workers: got %d, want at least 1", got)
	}
	for cost, want := range map[int]int{1: credentials.MinCost, 31: credentials.MaxCost} {
		p := credentials.NewPool(credentials.PoolConfig{Cost: cost, Workers: 1})
		defer p.Close()
		if got := p.Cost(); got != want {
			t.Errorf("pool asked for cost %d: got %d, want %d", cost, got, want)
		}
	}
}
