package keys

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// ErrNoKey says that no key may sign at the time asked for.
var ErrNoKey = errors.New("no signing key")

// State is where a key stands in its life.
type State string

const (
	Announced State = "announced" // published, does not sign yet
	Signing   State = "signing"   // the one that signs
	Retiring  State = "retiring"  // published for the tokens it signed
	Gone      State = "gone"      // neither published nor accepted
)

// Ring is all keys of an issuer with their schedule. It does not change, is
// safe for concurrent use, and answers for any time it is asked about.
type Ring struct {
	keys []Key // by CreatedAt
	// view is what the schedule says for a span of time, most often now. A
	// change of the schedule is rare, a signature is not.
	view atomic.Pointer[view]
}

// NewRing returns a ring of the keys, which are copied. A key that neither
// [Generate] nor [ParseKey] made has nothing to sign with and is left out.
func NewRing(keys []Key) *Ring {
	r := &Ring{keys: slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k.material == nil })}
	slices.SortFunc(r.keys, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return r
}

// Keys returns all keys in the order of their creation, gone ones included.
func (r *Ring) Keys() []Key {
	return slices.Clone(r.keys)
}

// State tells where a key of the ring stands at a time.
func (r *Ring) State(k Key, now time.Time) State {
	switch signing := r.at(now).signing[k.line()]; {
	case isGone(k, now):
		return Gone
	case k.SignsFrom.After(now):
		return Announced
	case signing != nil && signing.ID == k.ID:
		return Signing
	}
	return Retiring
}

// SigningKey returns the key of the main line that signs at a time: of those
// that may, the one that may most recently. It is ErrNoKey if there is none.
func (r *Ring) SigningKey(now time.Time) (Key, error) {
	return r.SigningKeyFor(now, mainLine)
}

// SigningKeyFor returns the key that signs at a time for audiences that ask for
// alg: that of the line of alg, or that of the main line where alg is empty, or
// there is no such line, or its first key is only announced yet.
func (r *Ring) SigningKeyFor(now time.Time, alg Algorithm) (Key, error) {
	k := r.at(now).signer(alg)
	if k == nil {
		return Key{}, ErrNoKey
	}
	return *k, nil
}

// Sign returns claims, which are JSON, as a compact JWS (RFC 7515, section 3.1)
// of the key that signs at that time. Its header has alg, kid and typ and no
// more. It is ErrNoKey if no key may sign.
func (r *Ring) Sign(now time.Time, typ string, claims []byte) (string, error) {
	return r.SignFor(now, mainLine, typ, claims)
}

// SignFor is [Ring.Sign] with the key that signs for audiences that ask for alg.
func (r *Ring) SignFor(now time.Time, alg Algorithm, typ string, claims []byte) (string, error) {
	k := r.at(now).signer(alg)
	if k == nil {
		return "", ErrNoKey
	}
	return k.material().sign(typ, claims)
}

// Verify is [Set.Verify] with the keys that are published at that time.
func (r *Ring) Verify(now time.Time, token string, types ...string) ([]byte, error) {
	return r.at(now).published.Verify(token, types...)
}

// Document returns the key set to publish at that time.
func (r *Ring) Document(now time.Time) Document {
	return r.at(now).document.at(now)
}

// view is what a ring says from one change of its schedule until the next.
type view struct {
	from, until time.Time          // zero: unbounded on that side
	signing     map[Algorithm]*Key // by line
	published   *Set
	document    document
}

// signer returns the key that signs for audiences that ask for alg, or nil.
func (v *view) signer(alg Algorithm) *Key {
	if k := v.signing[alg]; k != nil {
		return k
	}
	return v.signing[mainLine]
}

func (v *view) covers(now time.Time) bool {
	return (v.from.IsZero() || !now.Before(v.from)) && (v.until.IsZero() || now.Before(v.until))
}

// at returns the view for a time, and keeps it for the next caller.
func (r *Ring) at(now time.Time) *view {
	if v := r.view.Load(); v != nil && v.covers(now) {
		return v
	}
	v := r.look(now)
	r.view.Store(v)
	return v
}

// look works out the view for a time.
func (r *Ring) look(now time.Time) *view {
	v := &view{signing: make(map[Algorithm]*Key), published: &Set{keys: make(map[string]publicKey)}}
	var published []Key
	for i := range r.keys {
		k := &r.keys[i]
		v.bound(k.SignsFrom, now)
		v.bound(k.SignsUntil, now)
		v.bound(k.PublishedUntil, now)
		if isGone(*k, now) {
			continue
		}
		published = append(published, *k)
		v.published.keys[k.ID] = k.material().public
		// Keys are in the order of creation: of two that sign from the same
		// moment, the younger does.
		signing := v.signing[k.line()]
		if !k.SignsFrom.After(now) && (signing == nil || !k.SignsFrom.Before(signing.SignsFrom)) {
			v.signing[k.line()] = k
		}
	}
	// A line whose last key has stopped is over: none of the keys before takes its place.
	maps.DeleteFunc(v.signing, func(_ Algorithm, k *Key) bool {
		return !k.SignsUntil.IsZero() && !k.SignsUntil.After(now)
	})
	v.document = newDocument(published)
	return v
}

// bound narrows the span of the view to end or begin at a change.
func (v *view) bound(change, now time.Time) {
	switch {
	case change.IsZero():
	case change.After(now):
		if v.until.IsZero() || change.Before(v.until) {
			v.until = change
		}
	case v.from.IsZero() || change.After(v.from):
		v.from = change
	}
}

func isGone(k Key, now time.Time) bool {
	return !k.PublishedUntil.IsZero() && !k.PublishedUntil.After(now)
}
