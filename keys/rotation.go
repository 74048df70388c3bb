package keys

import (
	"errors"
	"fmt"
	"time"
)

const (
	// MaxAge is how long a verifier may cache the key set while no key is about
	// to leave it.
	MaxAge = 5 * time.Minute
	// Skew is how far the clock of a node or a verifier may be off true time,
	// either way.
	Skew = 30 * time.Second
	// Lead is how long an announced key waits before it signs. The last caches
	// that lack the key end MaxAge after it was announced. A slow clock may have
	// set the time and a fast one may read it, so two Skews are added.
	Lead = MaxAge + 2*Skew
)

var (
	// ErrAnnounced says that a key already waits to sign.
	ErrAnnounced = errors.New("a key is already announced")
	// ErrSigning says that the key signs and can't be retired.
	ErrSigning = errors.New("the key is signing")
)

// Rotate plans the next rotation of the main line: a new key, announced now,
// signs after [Lead], and the keys before it stay published until the last token
// they may have signed, tokenLife long, has expired. It returns the new key and
// those that changed, to be stored; the ring itself stays as it is. Where the
// algorithm changes, lines for the needed ones begin and end with it: see
// [Ring.Adjust].
//
// It is ErrAnnounced while an announced key waits. Without a key that signs
// there is nobody to wait for, and the new one signs at once.
func (r *Ring) Rotate(now time.Time, alg Algorithm, tokenLife time.Duration, needed ...Algorithm) ([]Key, error) {
	plan, err := r.succeed(now, mainLine, alg, tokenLife)
	if errors.Is(err, ErrNoKey) {
		return r.RotateNow(now, alg, needed...)
	}
	if err != nil {
		return nil, err
	}
	more, err := r.With(plan).Adjust(now, tokenLife, needed...)
	return append(plan, more...), err
}

// RotateLine plans the next rotation of the line that signs for audiences which
// ask for alg, as [Ring.Rotate] does for the main line. It is ErrNoKey where
// there is no such line.
func (r *Ring) RotateLine(now time.Time, alg Algorithm, tokenLife time.Duration) ([]Key, error) {
	return r.succeed(now, alg, alg, tokenLife)
}

// succeed plans the next key of a line.
func (r *Ring) succeed(now time.Time, line, alg Algorithm, tokenLife time.Duration) ([]Key, error) {
	for _, k := range r.keys {
		if k.line() == line && r.State(k, now) == Announced {
			return nil, fmt.Errorf("%w: %s signs from %s", ErrAnnounced, k.ID, k.SignsFrom.UTC().Format(time.RFC3339))
		}
	}
	signing := r.at(now).signing[line]
	if signing == nil || !signing.SignsUntil.IsZero() {
		return nil, ErrNoKey
	}
	next, err := generateAt(now, alg, line != mainLine)
	if err != nil {
		return nil, err
	}
	plan := []Key{next}
	end := lastUse(next.SignsFrom, tokenLife)
	for _, k := range r.keys {
		if k.line() == line && (k.PublishedUntil.IsZero() || k.ID == signing.ID) {
			k.PublishedUntil = end
			plan = append(plan, k)
		}
	}
	return plan, nil
}

// generateAt makes a key that is announced now.
func generateAt(now time.Time, alg Algorithm, forAudiences bool) (Key, error) {
	k, err := Generate(alg)
	if err != nil {
		return Key{}, err
	}
	k.ForAudiences = forAudiences
	k.CreatedAt = stored(now)
	k.SignsFrom = k.CreatedAt.Add(Lead)
	return k, nil
}

// lastUse is until when a key is published whose successor signs from a time on.
// A slow node signs with the old key until Skew after that time and stamps the
// token by its slow clock; a verifier as slow takes it until tokenLife + Skew
// after that time, and a fast node must still publish the key then.
func lastUse(successor time.Time, tokenLife time.Duration) time.Time {
	return successor.Add(tokenLife + 2*Skew)
}

// RotateNow plans the answer to a leaked key: new keys sign at once, one for the
// main line and one for each other algorithm that is needed, and all others are
// gone, so every token in the world is invalid, and verifiers that still cache
// the key set refuse new tokens and accept old ones until they fetch it again.
// It returns the new keys, the main line's first, and those that changed, to be
// stored.
func (r *Ring) RotateNow(now time.Time, alg Algorithm, needed ...Algorithm) ([]Key, error) {
	var plan []Key
	for _, a := range append([]Algorithm{alg}, lines(alg, needed)...) {
		next, err := generateAt(now, a, a != alg)
		if err != nil {
			return nil, err
		}
		next.SignsFrom = atOnce(now)
		plan = append(plan, next)
	}
	for _, k := range r.keys {
		if !isGone(k, now) {
			k.PublishedUntil = atOnce(now)
			plan = append(plan, k)
		}
	}
	return plan, nil
}

// Retire plans the end of a key that does not sign: it is gone at once. It
// returns the keys that changed, to be stored. Retiring an announced key calls
// its rotation off, so the key that signs is no longer due to leave.
//
// It is ErrSigning for the key that signs, which only a rotation replaces, and
// ErrUnknownKey for an id that the ring does not have or that is gone already.
func (r *Ring) Retire(now time.Time, id string) ([]Key, error) {
	var plan []Key
	for _, k := range r.keys {
		if k.ID != id {
			continue
		}
		switch r.State(k, now) {
		case Gone:
			return nil, fmt.Errorf("%w: %q is gone already", ErrUnknownKey, id)
		case Signing:
			return nil, fmt.Errorf("%w: rotate first, then retire %q", ErrSigning, id)
		case Announced:
			if signing := r.at(now).signing[k.line()]; signing != nil && signing.SignsUntil.IsZero() {
				kept := *signing
				kept.PublishedUntil = time.Time{}
				plan = append(plan, kept)
			}
		}
		k.PublishedUntil = atOnce(now)
		return append(plan, k), nil
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
}

// atOnce is a time that has come on every node, also on one whose clock is
// slow: otherwise it would go on signing with a leaked key.
func atOnce(now time.Time) time.Time {
	return stored(now).Add(-Skew)
}

// stored is the time as a database keeps it: UTC, in milliseconds.
func stored(now time.Time) time.Time {
	return now.UTC().Truncate(time.Millisecond)
}
