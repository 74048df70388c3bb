package provider

import (
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// profiles are the audiences whose tokens are not plain, by name.
type profiles map[string]storage.Audience

// look is how an access token looks.
type look struct {
	algorithm keys.Algorithm // empty: that of the main line of keys
	typ       string
	ttl       time.Duration
	extra     []string // names of claims
}

// lookOf returns how a token for the audiences looks. Where they want it signed or
// typed in two ways there is no such token; otherwise it lives as long as the
// strictest allows, and has every claim that one of them asks for.
func (p *Provider) lookOf(known profiles, audiences []string) (look, error) {
	plain := look{typ: accesstoken.Type, ttl: p.cfg.AccessTokenTTL}
	if len(known) == 0 {
		return plain, nil
	}
	var l look
	for i, name := range audiences {
		next := plain
		if a, found := known[name]; found {
			next = look{keys.Algorithm(a.Algorithm), a.Type, a.TTL, a.ExtraClaims}
			if next.ttl == 0 {
				next.ttl = plain.ttl
			}
		}
		if i == 0 {
			l = next
			continue
		}
		if l.typ != next.typ || p.signs(l.algorithm) != p.signs(next.algorithm) {
			return look{}, badRequest(codeInvalidTarget, "No token fits both %q and %q, whose tokens look different: ask for one audience at a time.", audiences[0], name)
		}
		l.ttl = min(l.ttl, next.ttl)
		l.extra = append(slices.Clone(l.extra), next.extra...)
	}
	return l, nil
}

// signs returns the algorithm that is asked for in the end: that of the main line
// where no other is.
func (p *Provider) signs(alg keys.Algorithm) keys.Algorithm {
	if alg != "" {
		return alg
	}
	key, err := p.live.ring.Load().SigningKey(p.cfg.Now())
	if err != nil {
		return "" // signing will fail for the same reason
	}
	return key.Algorithm
}

// extra returns the claims that the session's token has beside those of RFC 9068.
func (s *session) extra(c accesstoken.Claims) (e accesstoken.Extra, err error) {
	for _, name := range s.look.extra {
		switch name {
		case accesstoken.ClaimAuthorizedParty:
			e.AuthorizedParty = c.ClientID
		case accesstoken.ClaimScopeList:
			e.ScopeList = c.Scopes()
		case accesstoken.ClaimUsername:
			e.Username = s.user.Username
		case accesstoken.ClaimRole:
			var ok bool
			if e.Role, ok = accesstoken.RoleOf(c.Scopes()); !ok {
				return accesstoken.Extra{}, badRequest(codeInvalidScope, "A token for %s has one role: ask for only one scope that begins with \"role:\".", strings.Join(c.Audience, " and "))
			}
		}
	}
	return e, nil
}

// signer returns what signs for audiences that ask for alg.
func (p *Provider) signer(alg keys.Algorithm) accesstoken.Signer {
	ring := p.live.ring.Load()
	if alg == "" {
		return ring
	}
	return signerFor{ring, alg}
}

// signerFor signs for audiences that ask for an algorithm.
type signerFor struct {
	ring      *keys.Ring
	algorithm keys.Algorithm
}

// Sign returns a token of the key that signs for the algorithm.
func (s signerFor) Sign(now time.Time, typ string, claims []byte) (string, error) {
	return s.ring.SignFor(now, s.algorithm, typ, claims)
}
