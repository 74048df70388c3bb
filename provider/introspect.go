package provider

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Introspection is the answer of the introspection endpoint (RFC 7662 §2.2). The
// zero value says {"active":false} and nothing else.
type Introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expiry    int64    `json:"exp,omitempty"` // Unix seconds
	IssuedAt  int64    `json:"iat,omitempty"` // Unix seconds
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
}

// Introspect tells a confidential client about a token: about its own, or about
// any where the client may introspect. Whatever it may not see is inactive.
func (p *Provider) Introspect(ctx context.Context, r *Request) (*Introspection, error) {
	i, _, err := p.introspect(ctx, r)
	return i, err
}

// introspect also returns who asked.
func (p *Provider) introspect(ctx context.Context, r *Request) (i *Introspection, asker string, err error) {
	if err := p.live.refresh(ctx); err != nil {
		return nil, "", err
	}
	client, err := p.authenticate(ctx, r, p.live.directory.client)
	if err != nil {
		return nil, "", err
	}
	if client.Public {
		return nil, "", invalidClient("Only confidential clients may introspect tokens.", r.client.header)
	}
	token, err := r.token()
	if err != nil {
		return nil, "", err
	}
	// The two kinds look different, so that token_type_hint has nothing to add.
	describe := p.describeAccess
	if credentials.LooksLikeRefreshToken(token) {
		describe = p.describeRefresh
	}
	found, err := describe(ctx, token)
	if err != nil {
		return nil, "", err
	}
	if found.ClientID != client.ID && !client.Introspect {
		found = &Introspection{}
	}
	return found, client.ID, nil
}

func (r *Request) token() (string, error) {
	token := r.get("token")
	if token == "" {
		return "", invalidRequest("Parameter \"token\" is missing.")
	}
	return token, nil
}

// verify returns the claims of an access token of this server that is neither
// expired nor ended, as far as refresh last learned. A refusal wraps [accesstoken.ErrInvalid] or
// [keys.ErrInvalid]; with any other error the token must not be accepted either.
func (p *Provider) verify(ctx context.Context, token string) (accesstoken.Claims, error) {
	now := p.cfg.Now()
	payload, err := p.live.ring.Load().Verify(now, token, accesstoken.Types()...)
	if err != nil {
		return accesstoken.Claims{}, err
	}
	claims, err := p.claims.Parse(payload)
	if err != nil {
		return accesstoken.Claims{}, err
	}
	if err := claims.Validate(p.cfg.Issuer, now); err != nil {
		return accesstoken.Claims{}, err
	}
	active, err := p.live.active(ctx, claims)
	if err == nil && !active {
		err = errEnded
	}
	if err != nil {
		return accesstoken.Claims{}, err
	}
	return claims, nil
}

var errEnded = errors.Join(errors.New("the token was ended before its time"), accesstoken.ErrInvalid)

// refused reports whether err says that a token is no good, rather than that this
// could not be found out.
func refused(err error) bool {
	return errors.Is(err, accesstoken.ErrInvalid) || errors.Is(err, keys.ErrInvalid)
}

func (p *Provider) describeAccess(ctx context.Context, token string) (*Introspection, error) {
	c, err := p.verify(ctx, token)
	if refused(err) {
		return &Introspection{}, nil
	}
	if err != nil {
		return nil, err
	}
	i := &Introspection{
		Active:    true,
		Scope:     c.Scope,
		ClientID:  c.ClientID,
		TokenType: tokenType,
		Expiry:    c.Expiry,
		IssuedAt:  c.IssuedAt,
		Subject:   c.Subject,
		Audience:  c.Audience,
		Issuer:    c.Issuer,
		ID:        c.ID,
	}
	if ofUser(c) {
		user, err := p.live.directory.user(ctx, c.Subject)
		if errors.Is(err, storage.ErrNotFound) || user.Disabled {
			return &Introspection{}, nil
		}
		if err != nil {
			return nil, err
		}
		i.Username = user.Username
	}
	return i, nil
}

// ofUser reports whether the token came from a login. A client's id may well
// equal some user's, so sub alone does not tell.
func ofUser(c accesstoken.Claims) bool {
	id, ok := accesstoken.ParseID(c.ID)
	return ok && id.Grant != ""
}

func (p *Provider) describeRefresh(ctx context.Context, token string) (*Introspection, error) {
	s, err := p.sessionOf(ctx, token)
	if errors.Is(err, errRefresh) {
		return &Introspection{}, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.Live(p.cfg.Now()) || !bytes.Equal(s.Refresh, hashToken(token)) {
		return &Introspection{}, nil
	}
	return &Introspection{
		Active:   true,
		Scope:    strings.Join(s.Scopes, " "),
		ClientID: s.ClientID,
		Username: s.Username,
		Expiry:   s.ExpiresAt.Unix(),
		IssuedAt: s.RotatedAt.Unix(),
		Subject:  s.UserID,
	}, nil
}
