package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Ensure makes sure that a key signs, and one of alg in time: without any it
// makes one, and where one of another algorithm signs and none is announced it
// announces one. It returns what it did in words, empty for nothing.
//
// A server calls it once it has told the store how long its access tokens live:
// a key that is about to be replaced is then published long enough for them.
func (k *Keys) Ensure(ctx context.Context, alg keys.Algorithm) (changed string, err error) {
	plan, err := k.change(ctx, func(ring *keys.Ring, now time.Time) ([]keys.Key, error) {
		signing, err := ring.SigningKey(now)
		if err == nil && (signing.Algorithm == alg || announced(ring, now)) {
			life, err := k.tokenLife(ctx)
			return ring.Lengthen(now, life), err
		}
		return k.rotate(ctx, ring, now, alg)
	})
	switch {
	case errors.Is(err, keys.ErrAnnounced):
		// Nothing signs, and what will lies in the future.
		return "", fmt.Errorf("%w, and no key until then: check the clock of this machine", err)
	case err != nil:
		return "", err
	case len(plan) == 0:
		return "", nil
	case !plan[0].PublishedUntil.IsZero():
		return fmt.Sprintf("signing key %s stays published until %s, for access tokens that live longer now",
			plan[0].ID, plan[0].PublishedUntil.UTC().Format(time.RFC3339)), nil
	case len(plan) == 1: // there was none to replace
		return fmt.Sprintf("made signing key %s (%s)", plan[0].ID, alg), nil
	}
	return fmt.Sprintf("announced signing key %s (%s), which signs from %s",
		plan[0].ID, alg, plan[0].SignsFrom.UTC().Format(time.RFC3339)), nil
}

func announced(ring *keys.Ring, now time.Time) bool {
	for _, key := range ring.Keys() {
		if ring.State(key, now) == keys.Announced {
			return true
		}
	}
	return false
}

// Rotate announces a new key and returns it. An empty alg is that of the key
// that signs. The error wraps [keys.ErrAnnounced] while a key is announced.
func (k *Keys) Rotate(ctx context.Context, alg keys.Algorithm) (keys.Key, error) {
	plan, err := k.change(ctx, func(ring *keys.Ring, now time.Time) ([]keys.Key, error) {
		return k.rotate(ctx, ring, now, orCurrent(alg, ring, now))
	})
	if errors.Is(err, keys.ErrAnnounced) {
		return keys.Key{}, fmt.Errorf("%w: wait until then, or retire that key first", err)
	}
	if err != nil {
		return keys.Key{}, err
	}
	return plan[0], nil
}

// rotate plans a rotation. The longest life a token ever had decides how long
// the old key stays: this process need not be the one that issues.
func (k *Keys) rotate(ctx context.Context, ring *keys.Ring, now time.Time, alg keys.Algorithm) ([]keys.Key, error) {
	life, err := k.tokenLife(ctx)
	if err != nil {
		return nil, err
	}
	return ring.Rotate(now, alg, life)
}

func (k *Keys) tokenLife(ctx context.Context) (time.Duration, error) {
	life, err := k.Store.AccessTokenTTL(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the lifetime of access tokens: %w", err)
	}
	return life, nil
}

// RotateNow makes a key that signs at once, ends all others and returns it:
// for a leak, and for keys that can't be opened any more. Every access token
// stops working. An empty alg is that of the key that signed.
func (k *Keys) RotateNow(ctx context.Context, alg keys.Algorithm) (keys.Key, error) {
	var made keys.Key
	err := retry(func() error {
		rows, version, err := k.rows(ctx)
		if err != nil {
			return err
		}
		now := k.now()
		var opened []keys.Key
		var unopened []storage.SigningKey
		for _, row := range rows {
			if gone(row, now) {
				continue
			}
			if key, err := k.open(row); err == nil {
				opened = append(opened, key)
			} else {
				unopened = append(unopened, row)
			}
		}
		ring := keys.NewRing(opened)
		plan, err := ring.RotateNow(now, orCurrent(alg, ring, now))
		if err != nil {
			return err
		}
		made = plan[0]
		for i := range unopened {
			unopened[i].PublishedUntil = made.SignsFrom
		}
		return k.save(ctx, version, plan, unopened...)
	})
	if err != nil {
		return keys.Key{}, err
	}
	return made, nil
}

// Retire ends a key that does not sign: tokens it signed stop working, or, where
// it was announced, its rotation is called off. The error wraps
// [keys.ErrSigning] or [keys.ErrUnknownKey].
func (k *Keys) Retire(ctx context.Context, id string) error {
	_, err := k.change(ctx, func(ring *keys.Ring, now time.Time) ([]keys.Key, error) {
		return ring.Retire(now, id)
	})
	return err
}

// orCurrent is alg, or where that is empty, the algorithm of the key that signs.
func orCurrent(alg keys.Algorithm, ring *keys.Ring, now time.Time) keys.Algorithm {
	if alg != "" {
		return alg
	}
	if signing, err := ring.SigningKey(now); err == nil {
		return signing.Algorithm
	}
	return keys.ES256
}

// change stores what plan makes of the ring, and returns it.
func (k *Keys) change(ctx context.Context, plan func(*keys.Ring, time.Time) ([]keys.Key, error)) ([]keys.Key, error) {
	var changed []keys.Key
	err := retry(func() error {
		rows, version, err := k.rows(ctx)
		if err != nil {
			return err
		}
		now := k.now()
		ring, err := k.ring(rows, now)
		if err != nil {
			return err
		}
		changed, err = plan(ring, now)
		if err != nil || len(changed) == 0 {
			return err
		}
		return k.save(ctx, version, changed)
	})
	return changed, err
}

func (k *Keys) save(ctx context.Context, version int64, plan []keys.Key, more ...storage.SigningKey) error {
	rows, err := k.seal(plan)
	if err != nil {
		return err
	}
	if err := k.Store.SaveSigningKeys(ctx, version, append(rows, more...)...); err != nil {
		return fmt.Errorf("saving signing keys: %w", err)
	}
	return nil
}

// retry repeats a change that another node was quicker with. It need not wait:
// each conflict means that somebody else is done.
func retry(change func() error) error {
	const tries = 10
	for try := 1; ; try++ {
		if err := change(); try == tries || !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}
