package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Ensure makes sure that a key signs, and one of alg in time: without any it
// makes one, and where one of another algorithm signs and none is announced it
// announces one. The algorithms that audiences ask for get theirs too. It returns
// what it did in words, empty for nothing.
//
// A server calls it once it has told the store how long its access tokens live:
// a key that is about to be replaced is then published long enough for them.
func (k *Keys) Ensure(ctx context.Context, alg keys.Algorithm) (changed string, err error) {
	var now time.Time
	plan, err := k.change(ctx, func(ring *keys.Ring, at time.Time, n needs) ([]keys.Key, error) {
		now = at
		signing, err := ring.SigningKey(at)
		if err == nil && (signing.Algorithm == alg || announced(ring, at)) {
			return ring.Adjust(at, n.life, n.algorithms...)
		}
		return ring.Rotate(at, alg, n.life, n.algorithms...)
	})
	switch {
	case errors.Is(err, keys.ErrAnnounced):
		// Nothing signs, and what will lies in the future.
		return "", fmt.Errorf("%w, and no key until then: check the clock of this machine", err)
	case err != nil:
		return "", err
	}
	return inWords(plan, now), nil
}

// announced reports whether a key of the main line waits to sign.
func announced(ring *keys.Ring, now time.Time) bool {
	for _, key := range ring.Keys() {
		if !key.ForAudiences && ring.State(key, now) == keys.Announced {
			return true
		}
	}
	return false
}

// inWords tells what a plan makes, or where it makes nothing, what it ends.
func inWords(plan []keys.Key, now time.Time) string {
	var made, ends []string
	for _, key := range plan {
		what := "signing key " + key.ID
		if key.ForAudiences {
			what = "signing key for audiences " + key.ID
		}
		switch {
		case !key.PublishedUntil.IsZero():
			ends = append(ends, fmt.Sprintf("%s stays published until %s, for access tokens that live until then", what, clock(key.PublishedUntil)))
		case key.SignsFrom.After(now):
			made = append(made, fmt.Sprintf("announced %s (%s), which signs from %s", what, key.Algorithm, clock(key.SignsFrom)))
		default:
			made = append(made, fmt.Sprintf("made %s (%s)", what, key.Algorithm))
		}
	}
	if made == nil {
		made = ends
	}
	return strings.Join(made, "; ")
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Rotate announces a new key of the main line and returns it. An empty alg is that
// of the key that signs. The error wraps [keys.ErrAnnounced] while a key is
// announced.
func (k *Keys) Rotate(ctx context.Context, alg keys.Algorithm) (keys.Key, error) {
	return k.rotate(ctx, func(ring *keys.Ring, now time.Time, n needs) ([]keys.Key, error) {
		return ring.Rotate(now, orCurrent(alg, ring, now), n.life, n.algorithms...)
	})
}

// RotateForAudiences announces a new key of the line that signs for audiences
// which ask for alg, and returns it. An empty alg is that of the only such line.
// The error wraps [keys.ErrAnnounced] while a key of the line is announced, and
// [keys.ErrNoKey] where there is no such line.
func (k *Keys) RotateForAudiences(ctx context.Context, alg keys.Algorithm) (keys.Key, error) {
	return k.rotate(ctx, func(ring *keys.Ring, now time.Time, n needs) ([]keys.Key, error) {
		var own []keys.Algorithm
		for _, key := range ring.Keys() {
			if key.ForAudiences && key.SignsUntil.IsZero() && !slices.Contains(own, key.Algorithm) {
				own = append(own, key.Algorithm)
			}
		}
		switch {
		case len(own) == 0:
			return nil, refuse(keys.ErrNoKey, "no audience has a key of its own: the main key signs for all of them")
		case alg == "" && len(own) > 1:
			return nil, refuse(ErrRefused, "audiences have keys of %s and %s: name the algorithm to rotate", own[0], own[1])
		case alg != "" && !slices.Contains(own, alg):
			return nil, refuse(keys.ErrNoKey, "audiences have no %s key of their own, only %s", alg, own[0])
		case alg == "":
			alg = own[0]
		}
		return ring.RotateLine(now, alg, n.life)
	})
}

func (k *Keys) rotate(ctx context.Context, plan planner) (keys.Key, error) {
	changed, err := k.change(ctx, plan)
	if errors.Is(err, keys.ErrAnnounced) {
		return keys.Key{}, fmt.Errorf("%w: wait until then, or retire that key first", err)
	}
	if err != nil {
		return keys.Key{}, err
	}
	return changed[0], nil
}

// RotateNow makes keys that sign at once, one of the main line, which it returns,
// and one for each other algorithm that audiences ask for. All others end: for a
// leak, and for keys that can't be opened any more. Every access token stops
// working. An empty alg is that of the key that signed.
func (k *Keys) RotateNow(ctx context.Context, alg keys.Algorithm) (keys.Key, error) {
	var made keys.Key
	err := k.attempt(ctx, func(version int64, rows []storage.SigningKey, now time.Time, n needs) error {
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
		plan, err := ring.RotateNow(now, orCurrent(alg, ring, now), n.algorithms...)
		if err != nil {
			return err
		}
		made = plan[0]
		for i := range unopened {
			unopened[i].PublishedUntil = made.SignsFrom
		}
		sealed, err := k.seal(plan)
		if err != nil {
			return err
		}
		return k.save(ctx, version, append(sealed, unopened...))
	})
	if err != nil {
		return keys.Key{}, err
	}
	return made, nil
}

// Retire ends a key that does not sign: tokens it signed stop working, or, where
// it was announced, its rotation is called off. Where audiences need its algorithm
// and have no other key, a new one is announced. The error wraps [keys.ErrSigning]
// or [keys.ErrUnknownKey].
func (k *Keys) Retire(ctx context.Context, id string) error {
	_, err := k.change(ctx, func(ring *keys.Ring, now time.Time, n needs) ([]keys.Key, error) {
		plan, err := ring.Retire(now, id)
		if err != nil {
			return nil, err
		}
		more, err := ring.With(plan).Adjust(now, n.life, n.algorithms...)
		return append(plan, more...), err
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
