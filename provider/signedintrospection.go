package provider

import (
	"context"
	"encoding/json"
	"fmt"
)

// introspectionType is the typ in the header of a signed introspection answer
// (RFC 9701 §5). It keeps one from passing for an access token.
const introspectionType = "token-introspection+jwt"

// SignedIntrospection is [Provider.Introspect] with an answer that the caller can
// show to others: a JWT (RFC 9701 §5) of this issuer, for the client that asked,
// with the same answer in token_introspection. It has neither sub nor exp of its
// own, which RFC 9701 §5 advises against: it could be taken for something else.
func (p *Provider) SignedIntrospection(ctx context.Context, r *Request) (string, error) {
	found, asker, err := p.introspect(ctx, r)
	if err != nil {
		return "", err
	}
	now := p.cfg.Now()
	claims, err := json.Marshal(struct {
		Issuer        string         `json:"iss"`
		Audience      string         `json:"aud"`
		IssuedAt      int64          `json:"iat"`
		Introspection *Introspection `json:"token_introspection"`
	}{p.cfg.Issuer, asker, now.Unix(), found})
	if err != nil {
		return "", fmt.Errorf("signing an introspection answer: %w", err)
	}
	return p.live.ring.Load().Sign(now, introspectionType, claims)
}
