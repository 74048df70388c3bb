package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-oauth/usher/keys"
)

const (
	// fetchTimeout is for a fetch in all, discovery included.
	fetchTimeout = 10 * time.Second
	// refetchInterval is the least time between two fetches because of an
	// unknown key, which anyone can name, and between two attempts to replace
	// old keys by an issuer that does not answer.
	refetchInterval = 10 * time.Second
	// firstInterval is the same while there are no keys at all.
	firstInterval = time.Second
	// patience is how long a request waits for newer keys while there are old.
	patience = 2 * time.Second
)

// remote is the key set of an issuer, fetched when it is needed.
//
// A set is used until its max-age is over. If it can't be replaced then, it
// stays in use: an issuer that is down must not take all its APIs down too, and
// tokens expire by themselves. At most one fetch is under way at any time.
type remote struct {
	client *http.Client
	now    func() time.Time

	current atomic.Pointer[fetched] // nil until the first fetch succeeded

	mu      sync.Mutex
	flight  *flight   // the fetch under way, or nil
	began   time.Time // the latest fetch
	failure error     // of the latest fetch that has ended, or nil

	// Used by the fetch under way alone.
	source source
}

// fetched is a key set and how long it may be used.
type fetched struct {
	set   *keys.Set
	etag  string
	until time.Time
}

// flight is a fetch that any number of requests wait for.
type flight struct{ done chan struct{} }

func newRemote(c Config) *remote {
	return &remote{
		client: newClient(c.HTTPClient),
		now:    c.Now,
		source: source{issuer: c.Issuer, configured: c.JWKSURL},
	}
}

// Verify is keys.Set.Verify with the issuer's keys. An error that does not wrap
// keys.ErrInvalid says that there are none.
func (r *remote) Verify(ctx context.Context, token, typ string) ([]byte, error) {
	set, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := set.Verify(token, typ)
	if !errors.Is(err, keys.ErrUnknownKey) {
		return payload, err
	}
	newer := r.newer(ctx, set)
	if newer == set {
		return nil, err
	}
	return newer.Verify(token, typ)
}

// fresh returns the keys, fetched anew if their time is over.
func (r *remote) fresh(ctx context.Context) (*keys.Set, error) {
	now := r.now()
	if c := r.current.Load(); c != nil && now.Before(c.until) {
		return c.set, nil
	}
	r.mu.Lock()
	c := r.current.Load()
	if c != nil && now.Before(c.until) { // somebody else was faster
		r.mu.Unlock()
		return c.set, nil
	}
	interval := refetchInterval
	if c == nil {
		interval = firstInterval
	}
	failing := r.failure != nil
	if r.flight == nil && (!failing || now.Sub(r.began) >= interval) {
		r.start(ctx, now)
	}
	f := r.flight
	r.mu.Unlock()

	// While the issuer fails and there are old keys, nobody waits for it.
	if f != nil && (c == nil || !failing) {
		f.wait(ctx, c != nil)
	}
	if c := r.current.Load(); c != nil {
		return c.set, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil { // the request ended before the fetch did
		return nil, fmt.Errorf("fetching keys: %w", context.Cause(ctx))
	}
	return nil, r.failure
}

// newer returns the keys after a fetch, or old itself if it is too early for
// one or nothing came of it.
func (r *remote) newer(ctx context.Context, old *keys.Set) *keys.Set {
	r.mu.Lock()
	if set := r.current.Load().set; set != old { // fetched since old was read
		r.mu.Unlock()
		return set
	}
	if now := r.now(); r.flight == nil && now.Sub(r.began) >= refetchInterval {
		r.start(ctx, now)
	}
	f := r.flight
	r.mu.Unlock()
	if f != nil {
		f.wait(ctx, true)
	}
	return r.current.Load().set
}

// wait returns when the fetch has ended, ctx has, or, with an alternative to
// waiting, patience has.
func (f *flight) wait(ctx context.Context, alternative bool) {
	if alternative {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
}

// start begins a fetch; r.mu is held. The fetch does not end with the request
// that began it, for others wait for it too; fetchTimeout ends it.
func (r *remote) start(ctx context.Context, now time.Time) {
	f := &flight{done: make(chan struct{})}
	r.flight, r.began = f, now
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		next, err := r.fetch(ctx, now)

		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			r.current.Store(next)
		}
		r.failure = err
		r.flight = nil
		close(f.done)
	}()
}

// fetch returns the keys as they are now. Their age counts from the moment of
// the request, for the answer may have been written right then.
func (r *remote) fetch(ctx context.Context, now time.Time) (*fetched, error) {
	url, err := r.source.url(ctx, r.client)
	if err != nil {
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	old := r.current.Load()
	etag := ""
	if old != nil {
		etag = old.etag
	}
	answer, err := get(ctx, r.client, url, etag)
	if err != nil {
		r.source.forget()
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	until := now.Add(answer.maxAge)
	if answer.notModified {
		return &fetched{set: old.set, etag: old.etag, until: until}, nil
	}
	set, err := keys.ParseSet(answer.body)
	if err != nil {
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	return &fetched{set: set, etag: answer.etag, until: until}, nil
}
