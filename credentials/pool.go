package credentials

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

var (
	// ErrBusy says that more hashing is wanted than can be done in time;
	// [Pool.RetryAfter] says when to come back.
	ErrBusy = errors.New("too many passwords to hash at once")
	// ErrClosed says that the pool was closed before the work was done.
	ErrClosed = errors.New("password hashing has stopped")
)

// PoolConfig bounds the hashing of a process. Its zero value is fit for use.
type PoolConfig struct {
	// Cost is the bcrypt cost of new hashes; 0 is DefaultCost. One outside
	// MinCost to MaxCost is brought to the nearer end: see CheckCost.
	Cost int
	// Workers hash at the same time; 0 is one for each core on Linux, where
	// they yield to everything else, and one less elsewhere.
	Workers int
	// Queue is how many jobs may wait for a worker; 0 is 64 for each.
	Queue int
	// Wait is the longest a job may wait for a worker; 0 is 10 s.
	Wait time.Duration
	// Begins is called as each job begins to wait: see Workers. Nil is nothing to call.
	Begins func()
	// Trace is told of each job, and returns what is to be called at its end. Nil traces
	// nothing.
	Trace func(ctx context.Context, name string) (context.Context, func(error))
}

// Pool does all bcrypt of a process on a few workers of its own, so that a
// flood of logins costs other requests nothing. What can't be done in time is
// refused at once. A pool is safe for concurrent use.
type Pool struct {
	cost, workers, limit int
	wait                 time.Duration
	begins               func()
	trace                func(context.Context, string) (context.Context, func(error))

	ended sync.WaitGroup // the workers

	mu      sync.Mutex
	changed sync.Cond // queue or closed; on mu
	queue   list.List // of *job, oldest first
	queued  uint64    // units of work in queue
	speed   speed
	closed  bool
	stats   PoolStats
}

// PoolStats are figures of a pool for its operator.
type PoolStats struct {
	Waiting, Running int    // jobs now
	Done, Refused    uint64 // jobs since the start
	Units            uint64 // bcrypt rounds since the start: a hash of cost c is 2^c

	// Waits are how many jobs waited for a worker no longer than each of WaitBounds.
	Waits  [waitBounds]uint64
	Waited time.Duration // by all of them
}

const waitBounds = 8

// WaitBounds are what waits are sorted by: from a pool with nothing to do to one that
// is about to refuse.
func WaitBounds() [waitBounds]time.Duration {
	const ms = time.Millisecond
	return [waitBounds]time.Duration{ms, 10 * ms, 50 * ms, 250 * ms, time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second}
}

// waited books how long a job waited.
func (s *PoolStats) waited(d time.Duration) {
	s.Waited += d
	for i, bound := range WaitBounds() {
		if d <= bound {
			s.Waits[i]++
		}
	}
}

// A job is everything that one login or one new password needs. It runs in
// one piece: compares of several logins taking turns would blur equal work.
type job struct {
	units uint64 // at most
	since time.Time
	run   func(*spent)
	place *list.Element // nil once it left the queue; under Pool.mu
	done  chan struct{} // closed once run has returned or err is set
	err   error
}

// NewPool starts the workers. [Pool.Close] ends them.
func NewPool(c PoolConfig) *Pool {
	if c.Cost == 0 {
		c.Cost = DefaultCost
	}
	if c.Workers == 0 {
		c.Workers = defaultWorkers(runtime.GOMAXPROCS(0))
	}
	if c.Queue == 0 {
		c.Queue = 64 * c.Workers
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	p := &Pool{
		cost:    min(max(c.Cost, MinCost), MaxCost),
		workers: c.Workers,
		limit:   c.Queue,
		wait:    c.Wait,
		begins:  c.Begins,
		trace:   c.Trace,
	}
	p.changed.L = &p.mu
	for range p.workers {
		p.ended.Go(p.work)
	}
	return p
}

// Close refuses the jobs that wait, waits for those that run, and ends the
// workers. Jobs that come later get [ErrClosed].
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for e := p.queue.Front(); e != nil; e = p.queue.Front() {
		j := e.Value.(*job)
		p.leave(j)
		j.err = ErrClosed
		close(j.done)
	}
	p.changed.Broadcast()
	p.mu.Unlock()
	p.ended.Wait()
}

// Cost is the bcrypt cost of new hashes.
func (p *Pool) Cost() int { return p.cost }

// Workers is how many jobs run at the same time. Each worker occupies one of
// the threads Go runs at once: a process that wants its other goroutines to
// keep all cores, and not wait for Go's 10 ms time slices, raises GOMAXPROCS
// by this number on Linux, where the workers' threads yield, while there are jobs.
func (p *Pool) Workers() int { return p.workers }

// Stats reads the figures of the pool.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Waiting = p.queue.Len()
	return s
}

// RetryAfter is how long the work that waits now will take: what to tell a
// caller refused with [ErrBusy]. Whole seconds, at least one.
func (p *Pool) RetryAfter() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(time.Second, (p.backlog() + time.Second - 1).Truncate(time.Second))
}

// do has a worker call run, which costs at most units. It returns early with
// ErrBusy, ErrClosed or the error of ctx; a job that still waits is then never
// run, and one that runs is left to its end, for bcrypt can't be stopped.
func (p *Pool) do(ctx context.Context, units uint64, run func(*spent)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.trace != nil {
		var end func(error)
		ctx, end = p.trace(ctx, "hash")
		defer func() { end(err) }()
	}
	j := &job{units: units, since: time.Now(), run: run, done: make(chan struct{})}
	if err := p.admit(j); err != nil {
		return err
	}
	if p.begins != nil {
		p.begins()
	}
	deadline := time.NewTimer(p.wait)
	defer deadline.Stop()
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		p.withdraw(j)
		return ctx.Err()
	case <-deadline.C:
		if p.withdraw(j) {
			p.refused()
			return ErrBusy
		}
	}
	select { // a worker has it by now
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Admits returns [ErrBusy] where a job that came now would be refused, and
// [ErrClosed] once the pool is closed: for callers with something to do first.
func (p *Pool) Admits() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admits()
}

// admit queues a job, unless that is hopeless. The wait is foretold from the
// work queued and the speed of late, which knows how busy the machine is with
// other things. Foretelling is all that is needed to refuse at once; the
// deadline in do covers what it gets wrong, and the time before the first job
// has ended. Work that runs is left out: an idle pool must never refuse.
func (p *Pool) admit(j *job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.admits(); err != nil {
		return err
	}
	j.place = p.queue.PushBack(j)
	p.queued += j.units
	p.changed.Signal()
	return nil
}

// admits is Admits. p.mu is held.
func (p *Pool) admits() error {
	if p.closed {
		return ErrClosed
	}
	if p.queue.Len() >= p.limit || p.backlog() > p.wait {
		p.stats.Refused++
		return ErrBusy
	}
	return nil
}

// backlog is the time the queue will take. p.mu is held.
func (p *Pool) backlog() time.Duration {
	return p.speed.time(p.queued) / time.Duration(p.workers)
}

// withdraw takes back a job no worker has taken yet.
func (p *Pool) withdraw(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.place == nil {
		return false
	}
	p.leave(j)
	return true
}

// leave takes a job out of the queue. p.mu is held.
func (p *Pool) leave(j *job) {
	p.queue.Remove(j.place)
	j.place = nil
	p.queued -= j.units
}

func (p *Pool) refused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Refused++
}
