package provider

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// maxBlocked is how many refused clients a process remembers; beyond it an arbitrary
// one is forgotten, and costs a question to the database again.
const maxBlocked = 4096

// blockedClients remembers what the database has refused, for as long as it said. It
// answers for the database in a flood, and keeps a brought secret that this process
// has seen from being found by guesses that are refused.
type blockedClients struct {
	same singleflight.Group // checks of the same secret

	mu    sync.Mutex
	until map[blockedClient]blocked
}

// blockedClient is a client as seen from a network; without an id it is all of them.
type blockedClient struct{ id, network string }

type blocked struct {
	by    storage.Limit
	until time.Time
}

func newBlockedClients() *blockedClients {
	return &blockedClients{until: make(map[blockedClient]blocked)}
}

// check returns the refusal of a client from a network that is still in force.
func (b *blockedClients) check(id, network string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range []blockedClient{{id, network}, {"", network}} {
		if found, ok := b.until[key]; ok && now.Before(found.until) {
			return &storage.ThrottledError{By: found.by, After: found.until.Sub(now)}
		}
	}
	return nil
}

// remember keeps a refusal.
func (b *blockedClients) remember(id, network string, now time.Time, e *storage.ThrottledError) {
	if e.By == storage.LimitClientNetwork {
		id = ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.until) >= maxBlocked {
		for old := range b.until {
			delete(b.until, old)
			break
		}
	}
	b.until[blockedClient{id, network}] = blocked{e.By, now.Add(e.After)}
}

// chargeClient counts a failure of a client from a network, and refuses where there
// were too many.
func (p *Provider) chargeClient(ctx context.Context, id, network string) error {
	if credentials.ClientID(id) != nil {
		id = "" // there can be no such client, and whatever it is need not be kept
	}
	blocked := p.throttle.clients
	if err := blocked.check(id, network, p.cfg.Now()); err != nil {
		return p.throttled(ctx, err)
	}
	err := p.cfg.Store.ChargeClient(ctx, id, network)
	var refused *storage.ThrottledError
	if errors.As(err, &refused) {
		blocked.remember(id, network, p.cfg.Now(), refused)
	}
	return p.throttled(ctx, err)
}
