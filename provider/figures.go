package provider

import (
	"context"
	"sync"
	"time"

	"github.com/usher-oauth/usher/keys"
)

// Figures are what an operator watches.
type Figures struct {
	Revocations int           // in memory, checked for each token
	FeedAge     time.Duration // since the database last confirmed that no other is missing; 0 where it is asked each time
	PruneLag    time.Duration // how long the oldest dead row has waited to be deleted
	Pruned      uint64        // rows deleted since the start

	Throttled map[string]uint64 // guesses refused since the start, by the limit that did

	ConnectionsInUse, ConnectionsIdle int
	ConnectionWaits                   uint64 // since the start, for want of a free connection

	Keys map[keys.State]KeyFigures // by all states but Gone
}

// KeyFigures are about the signing keys of one state.
type KeyFigures struct {
	Count int
	// Next is when the first of them is to sign, or to go; zero where no time is set.
	Next time.Time
	// Since is when the one that has signed for the longest began; zero in other states.
	Since time.Time
}

// Figures returns the figures of now, without asking the database.
func (p *Provider) Figures() Figures {
	p.live.mu.RLock()
	revocations := len(p.live.ended)
	p.live.mu.RUnlock()
	connections := p.cfg.Store.Connections()
	return Figures{
		Revocations:      revocations,
		FeedAge:          p.cfg.Store.FeedAge(),
		PruneLag:         p.pruneLag.now(),
		Pruned:           p.pruned.Load(),
		Throttled:        p.throttle.figures(),
		ConnectionsInUse: connections.InUse,
		ConnectionsIdle:  connections.Idle,
		ConnectionWaits:  uint64(connections.WaitCount),
		Keys:             keyFigures(p.live.ring.Load(), p.cfg.Now()),
	}
}

func keyFigures(ring *keys.Ring, now time.Time) map[keys.State]KeyFigures {
	all := map[keys.State]KeyFigures{keys.Announced: {}, keys.Signing: {}, keys.Retiring: {}}
	for _, k := range ring.Keys() {
		state := ring.State(k, now)
		f, told := all[state]
		if !told {
			continue
		}
		f.Count++
		next := k.PublishedUntil
		switch state {
		case keys.Announced:
			next = k.SignsFrom
		case keys.Signing:
			next = k.SignsUntil
			f.Since = earlier(f.Since, k.SignsFrom)
		}
		f.Next = earlier(f.Next, next)
		all[state] = f
	}
	return all
}

// earlier returns the earlier of two times; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// lag is how far something is behind. While that can't be measured it grows.
type lag struct {
	mu       sync.Mutex
	measured time.Duration
	failing  time.Time // since when; zero while measuring works
}

func (l *lag) set(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.measured, l.failing = d, time.Time{}
}

func (l *lag) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing.IsZero() {
		l.failing = time.Now()
	}
}

func (l *lag) now() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing.IsZero() {
		return l.measured
	}
	return l.measured + time.Since(l.failing)
}

// prune deletes what is over, in small steps, and measures what waits.
func (p *Provider) prune(ctx context.Context) error {
	p.live.forget(p.cfg.Store.Past())
	lag, err := p.cfg.Store.PruneLag(ctx)
	if err != nil {
		p.pruneLag.fail()
		return err
	}
	p.pruneLag.set(lag)
	for {
		n, err := p.cfg.Store.Prune(ctx, pruneRows)
		p.pruned.Add(uint64(n))
		if err != nil || n < pruneRows {
			return err
		}
	}
}
