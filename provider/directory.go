package provider

import (
	"context"
	"sync"

	"github.com/usher-oauth/usher/storage"
)

// maxDirectory is how many clients, and how many users, a process remembers; beyond
// it an arbitrary one is forgotten.
const maxDirectory = 10_000

// directory remembers clients and users that were read, until any of them changes:
// live empties it then. Most requests are of few clients, and changes are rare.
type directory struct {
	store *storage.Store

	mu      sync.RWMutex
	version int64 // of the database; what is here was read at it or later
	clients map[string]storage.Client
	users   map[string]storage.User // without what a password is checked by
}

func newDirectory(store *storage.Store) *directory {
	d := &directory{store: store, version: -1}
	d.forget(-1)
	return d
}

// forget drops everything where the database is at another version.
func (d *directory) forget(version int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if version == d.version && version >= 0 {
		return
	}
	d.version = version
	d.clients, d.users = make(map[string]storage.Client), make(map[string]storage.User)
}

// issuing returns the client that a token is to be issued to, or [storage.ErrNotFound].
// A database server may have a newer one that this node has not heard of: what was
// issued under the epoch before would be dead from the start.
func (d *directory) issuing(ctx context.Context, id string) (storage.Client, error) {
	if d.store.Path() == "" {
		return d.store.Client(ctx, id)
	}
	return d.client(ctx, id)
}

// client returns the client of that id, or [storage.ErrNotFound]. Nobody may change
// its lists.
func (d *directory) client(ctx context.Context, id string) (storage.Client, error) {
	return remembered(ctx, d, func() map[string]storage.Client { return d.clients }, id, d.store.Client)
}

// user returns the user of that id, or [storage.ErrNotFound], without password hash.
// Nobody may change its lists.
func (d *directory) user(ctx context.Context, id string) (storage.User, error) {
	return remembered(ctx, d, func() map[string]storage.User { return d.users }, id, func(ctx context.Context, id string) (storage.User, error) {
		u, err := d.store.User(ctx, id)
		u.PasswordHash, u.PasswordCost = "", 0
		return u, err
	})
}

func remembered[T any](ctx context.Context, d *directory, kept func() map[string]T, id string, read func(context.Context, string) (T, error)) (T, error) {
	d.mu.RLock()
	found, ok := kept()[id]
	version := d.version
	d.mu.RUnlock()
	if ok {
		return found, nil
	}
	found, err := read(ctx, id)
	if err != nil {
		return found, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Read before a change that was learned of meanwhile, it may be out of date.
	if version != d.version {
		return found, nil
	}
	m := kept()
	if len(m) >= maxDirectory {
		for old := range m {
			delete(m, old)
			break
		}
	}
	m[id] = found
	return found, nil
}
