package provider

import (
	"context"
	"time"
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
		PruneLag:         time.Duration(p.pruneLag.Load()),
		Pruned:           p.pruned.Load(),
		Throttled:        p.throttle.figures(),
		ConnectionsInUse: connections.InUse,
		ConnectionsIdle:  connections.Idle,
		ConnectionWaits:  uint64(connections.WaitCount),
	}
}

// prune deletes what is over, in small steps, and measures what waits.
func (p *Provider) prune(ctx context.Context) error {
	p.live.forget(p.cfg.Store.Past())
	lag, err := p.cfg.Store.PruneLag(ctx)
	if err != nil {
		return err
	}
	p.pruneLag.Store(int64(lag))
	for {
		n, err := p.cfg.Store.Prune(ctx, pruneRows)
		p.pruned.Add(uint64(n))
		if err != nil || n < pruneRows {
			return err
		}
	}
}
