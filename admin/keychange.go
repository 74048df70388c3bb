package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// needs is what keys are needed for.
type needs struct {
	audiences  []storage.Audience
	algorithms []keys.Algorithm // that the audiences ask for
	// life is the longest that a token ever had: this process need not be the one
	// that issues.
	life time.Duration
}

// needs reads them. The version of the keys must have been read before: it moves
// with every change of the audiences too, so that none is missed.
func (k *Keys) needs(ctx context.Context) (n needs, err error) {
	if n.life, err = k.Store.AccessTokenTTL(ctx); err != nil {
		return needs{}, fmt.Errorf("reading the lifetime of access tokens: %w", err)
	}
	if n.audiences, err = k.Store.Audiences(ctx); err != nil {
		return needs{}, fmt.Errorf("reading audiences: %w", err)
	}
	n.algorithms = algorithms(n.audiences)
	return n, nil
}

// algorithms returns those that the audiences ask for.
func algorithms(audiences []storage.Audience) []keys.Algorithm {
	var asked []keys.Algorithm
	for _, a := range audiences {
		if a.Algorithm != "" {
			asked = append(asked, keys.Algorithm(a.Algorithm))
		}
	}
	return asked
}

// planner plans a change of the ring.
type planner func(*keys.Ring, time.Time, needs) ([]keys.Key, error)

// change stores what plan makes of the ring, and returns it.
func (k *Keys) change(ctx context.Context, plan planner) ([]keys.Key, error) {
	var changed []keys.Key
	err := k.plan(ctx, func(version int64, ring *keys.Ring, now time.Time, n needs) (err error) {
		if changed, err = plan(ring, now, n); err != nil || len(changed) == 0 {
			return err
		}
		sealed, err := k.seal(changed)
		if err != nil {
			return err
		}
		return k.save(ctx, version, sealed)
	})
	return changed, err
}

// plan is attempt with the ring that the keys make.
func (k *Keys) plan(ctx context.Context, do func(version int64, ring *keys.Ring, now time.Time, n needs) error) error {
	return k.attempt(ctx, func(version int64, rows []storage.SigningKey, now time.Time, n needs) error {
		ring, err := k.ring(rows, now)
		if err != nil {
			return err
		}
		return do(version, ring, now, n)
	})
}

// attempt calls do with the keys as they are stored now, and again where another node
// was quicker to change them than do. It need not wait: each conflict means that
// somebody else is done.
func (k *Keys) attempt(ctx context.Context, do func(version int64, rows []storage.SigningKey, now time.Time, n needs) error) error {
	const tries = 10
	for try := 1; ; try++ {
		rows, version, err := k.rows(ctx)
		if err != nil {
			return err
		}
		n, err := k.needs(ctx)
		if err != nil {
			return err
		}
		if err := do(version, rows, k.now(), n); try == tries || !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func (k *Keys) save(ctx context.Context, version int64, rows []storage.SigningKey) error {
	if err := k.Store.SaveSigningKeys(ctx, version, rows...); err != nil {
		return fmt.Errorf("saving signing keys: %w", err)
	}
	return nil
}
