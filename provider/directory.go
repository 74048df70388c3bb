package provider

import (
	"context"
	"sync"

	"github.com/usher-oauth/usher/storage"
)

// directory remembers clients and users that were read, until any of them changes:
// live empties it then. Most requests are of few clients, and changes are rare.
type directory struct {
	store   *storage.Store
	clients cache[storage.Client]
	users   cache[storage.User] // without what a password is checked by
}

func newDirectory(store *storage.Store) *directory {
	d := &directory{store: store}
	d.forget()
	return d
}

// forget drops everything.
func (d *directory) forget() {
	d.clients.forget()
	d.users.forget()
}

// client returns the client of that id, or [storage.ErrNotFound]. Nobody may change
// its lists.
func (d *directory) client(ctx context.Context, id string) (storage.Client, error) {
	return d.clients.get(ctx, id, d.store.Client)
}

// user returns the user of that id, or [storage.ErrNotFound], without password hash.
// Nobody may change its lists.
func (d *directory) user(ctx context.Context, id string) (storage.User, error) {
	return d.users.get(ctx, id, func(ctx context.Context, id string) (storage.User, error) {
		u, err := d.store.User(ctx, id)
		u.PasswordHash, u.PasswordCost = "", 0
		return u, err
	})
}

// maxCached is how many a cache remembers; beyond it an arbitrary one is forgotten.
const maxCached = 10_000

type cache[T any] struct {
	mu         sync.RWMutex
	generation uint64 // counts how often everything was forgotten
	kept       map[string]T
}

func (c *cache[T]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.kept = make(map[string]T)
}

// get returns what is kept of that id, or else what read finds.
func (c *cache[T]) get(ctx context.Context, id string, read func(context.Context, string) (T, error)) (T, error) {
	c.mu.RLock()
	found, ok := c.kept[id]
	generation := c.generation
	c.mu.RUnlock()
	if ok {
		return found, nil
	}
	found, err := read(ctx, id)
	if err != nil {
		return found, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Read before a change that was learned of meanwhile, it may be out of date.
	if generation != c.generation {
		return found, nil
	}
	if len(c.kept) >= maxCached {
		for old := range c.kept {
			delete(c.kept, old)
			break
		}
	}
	c.kept[id] = found
	return found, nil
}
