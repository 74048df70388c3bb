package main

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// processors are the Ps, in Go's word, that goroutines run on. The threads that hash
// run at the lowest priority, so the kernel lets everything else go first. Go's
// scheduler knows nothing of that: with no P to spare, a request would wait up to
// 10 ms until a hash is preempted. So each of those threads gets a P of its own. While
// nothing is hashed the spare ones would only cost, as much as a fifth of the time of a
// request that is not a login; then they are taken away again.
type processors struct {
	spare int // Ps for hashing

	mu     sync.Mutex
	raised bool
	last   time.Time // when a hash was last wanted
}

// sparesEnd is how long the spare Ps stay after the last hash: to change their number
// stops everything for a moment, which must not happen between logins.
const sparesEnd = 10 * time.Second

// hashing is called before each hash.
func (p *processors) hashing() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	if !p.raised && p.spare > 0 {
		p.raised = true
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + p.spare)
	}
}

// run takes the spare Ps away when there was no hash for a while. idle reports
// whether none is under way.
func (p *processors) run(ctx context.Context, idle func() bool) {
	tick := time.NewTicker(sparesEnd / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.settle(time.Now(), idle)
		}
	}
}

func (p *processors) settle(now time.Time, idle func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raised && now.Sub(p.last) >= sparesEnd && idle() {
		p.raised = false
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - p.spare)
	}
}
