package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Audiences is an operator's hand on how the access tokens for single audiences
// look. Only what adds or removes one needs the master key.
type Audiences struct{ Keys *Keys }

// NewAudience is what is told of an audience.
type NewAudience struct {
	URI         string         // to the letter as clients ask for it
	Algorithm   keys.Algorithm // empty: that of the server
	Type        string         // empty: at+jwt
	ExtraClaims []string       // see [accesstoken.ExtraClaims]
	TTL         *time.Duration // of its tokens, in whole seconds; nil: that of the server
}

// check returns the first rule the audience breaks.
func (n *NewAudience) check() error {
	if err := checkAudience(n.URI); err != nil {
		return err
	}
	if err := checkText("audience", n.URI); err != nil {
		return err
	}
	if n.Algorithm != "" {
		if _, err := keys.ParseAlgorithm(string(n.Algorithm)); err != nil {
			return refuse(ErrRefused, "%v", err)
		}
	}
	if n.Type != "" && !slices.Contains(accesstoken.Types(), n.Type) {
		return refuse(ErrRefused, "typ %q: use %s", n.Type, strings.Join(accesstoken.Types(), " or "))
	}
	if n.TTL != nil && (*n.TTL < time.Second || *n.TTL%time.Second != 0) {
		return refuse(ErrRefused, "lifetime %s of its tokens: choose whole seconds, at least 1s", n.TTL)
	}
	return CheckExtraClaims(n.ExtraClaims)
}

// CheckExtraClaims refuses names of claims that tokens can't have.
func CheckExtraClaims(names []string) error {
	for _, name := range names {
		if !slices.Contains(accesstoken.ExtraClaims(), name) {
			return refuse(ErrRefused, "unknown claim %q: use some of %s", name, strings.Join(accesstoken.ExtraClaims(), ", "))
		}
	}
	return nil
}

// row is the audience as it is stored.
func (n *NewAudience) row() storage.Audience {
	a := storage.Audience{URI: n.URI, Algorithm: string(n.Algorithm), Type: n.Type, ExtraClaims: []string{}}
	if a.Type == "" {
		a.Type = accesstoken.Type
	}
	for _, name := range accesstoken.ExtraClaims() { // each once, in one order
		if slices.Contains(n.ExtraClaims, name) {
			a.ExtraClaims = append(a.ExtraClaims, name)
		}
	}
	if n.TTL != nil {
		a.TTL = *n.TTL
	}
	return a
}

// Signer says which algorithm signs for an audience, and which is going to.
type Signer struct {
	Now  keys.Algorithm // empty: none, for the first start of a server makes the keys
	Next keys.Algorithm // empty: no other
	From time.Time      // when Next takes over
}

// Add adds an audience; with replace it takes the place of one that exists, of which
// only the time of creation stays. Where it asks for another algorithm than the
// server's, a key of that is announced.
func (a *Audiences) Add(ctx context.Context, n NewAudience, replace bool) (storage.Audience, Signer, error) {
	if err := n.check(); err != nil {
		return storage.Audience{}, Signer{}, err
	}
	row := n.row()
	var by Signer
	err := a.Keys.plan(ctx, func(version int64, ring *keys.Ring, now time.Time, n needs) error {
		i := slices.IndexFunc(n.audiences, func(other storage.Audience) bool { return other.URI == row.URI })
		switch {
		case i < 0:
			row.CreatedAt = now.UTC().Truncate(time.Millisecond)
			n.audiences = append(n.audiences, row)
		case !replace:
			return refuse(storage.ErrExists, "audience %q already exists: update it, or remove it first", row.URI)
		default:
			row.CreatedAt = n.audiences[i].CreatedAt
			n.audiences[i] = row
		}
		plan, err := ring.Adjust(now, max(n.life, row.TTL), algorithms(n.audiences)...)
		if err != nil {
			return err
		}
		by = signerOf(ring.With(plan), now, keys.Algorithm(row.Algorithm))
		sealed, err := a.Keys.seal(plan)
		if err != nil {
			return err
		}
		return about("saving", "audience", row.URI, a.Keys.Store.SaveAudience(ctx, version, row, sealed...))
	})
	if err != nil {
		return storage.Audience{}, Signer{}, err
	}
	return row, by, nil
}

// signerOf looks up what signs for an audience that asks for alg.
func signerOf(ring *keys.Ring, now time.Time, alg keys.Algorithm) (s Signer) {
	key, err := ring.SigningKeyFor(now, alg)
	if err != nil {
		return Signer{}
	}
	s.Now = key.Algorithm
	for _, k := range ring.Keys() {
		if alg != "" && s.Now != alg && k.Algorithm == alg && ring.State(k, now) == keys.Announced && (s.Next == "" || k.SignsFrom.Before(s.From)) {
			s.Next, s.From = alg, k.SignsFrom
		}
	}
	return s
}

// Remove makes the tokens for an audience plain again. It returns the keys that no
// audience needs any more, with the times until when they stay published.
func (a *Audiences) Remove(ctx context.Context, uri string) (ended []keys.Key, err error) {
	err = a.Keys.plan(ctx, func(version int64, ring *keys.Ring, now time.Time, n needs) error {
		left := slices.DeleteFunc(slices.Clone(n.audiences), func(other storage.Audience) bool { return other.URI == uri })
		if len(left) == len(n.audiences) {
			return a.unknown(uri, n.audiences)
		}
		plan, err := ring.Adjust(now, n.life, algorithms(left)...)
		if err != nil {
			return err
		}
		ended = slices.DeleteFunc(slices.Clone(plan), func(k keys.Key) bool { return !k.ForAudiences || k.PublishedUntil.IsZero() })
		sealed, err := a.Keys.seal(plan)
		if err != nil {
			return err
		}
		return about("removing", "audience", uri, a.Keys.Store.DeleteAudience(ctx, version, uri, sealed...))
	})
	return ended, err
}

// List returns all audiences, by URI.
func (a *Audiences) List(ctx context.Context) ([]storage.Audience, error) {
	return a.Keys.Store.Audiences(ctx)
}

// Show returns an audience; the error wraps [storage.ErrNotFound].
func (a *Audiences) Show(ctx context.Context, uri string) (storage.Audience, error) {
	all, err := a.List(ctx)
	if err != nil {
		return storage.Audience{}, err
	}
	i := slices.IndexFunc(all, func(other storage.Audience) bool { return other.URI == uri })
	if i < 0 {
		return storage.Audience{}, a.unknown(uri, all)
	}
	return all[i], nil
}

// unknown tells that there is no such audience, and of one that is spelled almost
// like it: a slash at the end is what is most often too much or too little.
func (a *Audiences) unknown(uri string, all []storage.Audience) error {
	for _, other := range all {
		if strings.TrimRight(other.URI, "/") == strings.TrimRight(uri, "/") {
			return refuse(storage.ErrNotFound, "no audience %q, but there is %q", uri, other.URI)
		}
	}
	return refuse(storage.ErrNotFound, "no audience %q: its tokens are plain", uri)
}
