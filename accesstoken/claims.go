package accesstoken

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Type is the typ in the header of an access token (RFC 9068, section 2.1), but for
// audiences that ask for [TypeJWT]. It keeps other tokens of the same issuer from
// passing for one.
const Type = "at+jwt"

// Claims are what an access token says (RFC 9068, section 2.2). Times are in
// whole seconds since 1970 (RFC 7519, section 2).
type Claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"` // a user's id, or the client's where no user is involved
	Audience []string `json:"aud"`
	Expiry   int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"` // see NewID
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`     // space-delimited (RFC 8693, section 4.2)
	AuthTime int64    `json:"auth_time,omitempty"` // of the login; 0 where no user is involved
}

// Scopes returns the scopes of the token, nil if it has none.
func (c Claims) Scopes() []string {
	var scopes []string
	for s := range strings.SplitSeq(c.Scope, " ") {
		if s != "" {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// HasScope reports whether the token has the scope. Case matters (RFC 6749,
// section 3.3).
func (c Claims) HasScope(scope string) bool {
	for s := range strings.SplitSeq(c.Scope, " ") {
		if s == scope && s != "" {
			return true
		}
	}
	return false
}

// HasAudience reports whether the token is meant for that audience, among
// others perhaps.
func (c Claims) HasAudience(audience string) bool {
	return slices.Contains(c.Audience, audience)
}

// Signer signs claims as a JWT whose header has that typ. A *keys.Ring is one.
type Signer interface {
	Sign(now time.Time, typ string, claims []byte) (string, error)
}

// Sign returns the access token with these claims. Claims that Parse would
// refuse are an error, and no token.
func Sign(s Signer, now time.Time, c Claims) (string, error) {
	return SignAs(s, now, Type, c, Extra{})
}

// SignAs is Sign for a token of that typ, which is one of [Types], with extra claims.
func SignAs(s Signer, now time.Time, typ string, c Claims, e Extra) (string, error) {
	if err := c.check(); err != nil {
		return "", fmt.Errorf("signing access token: %w", err)
	}
	if typ != Type && typ != TypeJWT {
		return "", fmt.Errorf("signing access token: it can't have the typ %q", typ)
	}
	claims, err := payload(c, e)
	if err != nil {
		return "", fmt.Errorf("signing access token: %w", err)
	}
	token, err := s.Sign(now, typ, claims)
	if err != nil {
		return "", fmt.Errorf("signing access token: %w", err)
	}
	return token, nil
}
