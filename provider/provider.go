package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ory/fosite"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// KeyLoader reads the signing keys and the version of their set.
type KeyLoader func(context.Context) (*keys.Ring, int64, error)

// Config is what a provider needs. All of it is required but DefaultClient, Log,
// Trace, and Now, which is the database's clock where nil.
type Config struct {
	Issuer          string        // the iss of every token, a URL without a trailing slash
	DefaultAudience string        // the aud of a token for which none was asked
	DefaultClient   string        // the public client of requests that name none; empty for none
	AccessTokenTTL  time.Duration // whole seconds
	RefreshTokenTTL time.Duration // absolute, from the login
	RefreshGrace    time.Duration // how long a used refresh token may be retried; 0 for never

	Store    *storage.Store
	Master   *keys.Master
	LoadKeys KeyLoader
	Pool     *credentials.Pool
	Log      *slog.Logger
	Now      func() time.Time
	// Trace is told of each grant, and returns what is to be called at its end. Nil
	// traces nothing.
	Trace func(ctx context.Context, name string) (context.Context, func(error))
}

// Provider is the OAuth 2.0 engine, safe for concurrent use.
type Provider struct {
	cfg     Config
	secrets *credentials.Secrets
	refresh atomic.Pointer[refreshTokens]
	live    *live
	fosite  *fosite.Fosite
	claims  accesstoken.Reader

	throttle *throttle

	pruned   atomic.Uint64
	pruneLag lag
}

// New returns a provider that knows the signing keys and revocations of now. It
// records the access token lifetime in the store before any token is issued.
func New(ctx context.Context, c Config) (*Provider, error) {
	if c.Now == nil {
		c.Now = c.Store.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.AccessTokenTTL < time.Second || c.RefreshTokenTTL < time.Second || c.RefreshGrace < 0 {
		return nil, errors.New("token lifetimes must be at least one second, and the refresh grace not negative")
	}
	if _, err := c.Store.RaiseAccessTokenTTL(ctx, c.AccessTokenTTL); err != nil {
		return nil, fmt.Errorf("recording the access token lifetime: %w", err)
	}
	p := &Provider{
		cfg:     c,
		secrets: credentials.NewSecrets(c.Pool),
		live:    newLive(c.Store, c.LoadKeys),

		throttle: newThrottle(),
	}
	p.UseMaster(c.Master)
	p.fosite = p.newFosite()
	if err := p.live.refresh(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// UseMaster makes refresh tokens, and marks of guesses, under the first key of another
// master key file from now on. Those made under a key that is not in it are nothing to
// this process any more. The signing keys are LoadKeys' affair.
func (p *Provider) UseMaster(m *keys.Master) {
	tokens := newRefreshTokens(m)
	p.refresh.Store(&tokens)
	key := m.Derive("throttle")[0]
	p.throttle.key.Store(&key)
}

// Now is the time that the provider goes by: all nodes' own where they share a
// database server, whatever this machine's clock says.
func (p *Provider) Now() time.Time { return p.cfg.Now() }

// Ready reports why the provider could not issue tokens now: the database does
// not answer, or there is no signing key.
func (p *Provider) Ready(ctx context.Context) error {
	if err := p.live.refresh(ctx); err != nil {
		return err
	}
	_, err := p.live.ring.Load().SigningKey(p.cfg.Now())
	return err
}

// Document returns the JWK Set (RFC 7517 §5) of now.
func (p *Provider) Document(ctx context.Context) (keys.Document, error) {
	if err := p.live.refresh(ctx); err != nil {
		return keys.Document{}, err
	}
	return p.live.ring.Load().Document(p.cfg.Now()), nil
}

const (
	// pruneEvery is how long dead rows may wait.
	pruneEvery = 10 * time.Second
	// pruneRows is how many rows of a kind are deleted before it is the next kind's turn.
	pruneRows = 2000
)

// Run deletes what nothing can ask for any more, in small steps, until ctx ends.
func (p *Provider) Run(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.prune(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Log.WarnContext(ctx, "pruning the database did not work; it is tried again", "err", err)
		}
	}
}
