package provider

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/audit"
)

// The grant types (RFC 6749 §4.3, §4.4, §6).
const (
	grantPassword          = "password"
	grantRefreshToken      = "refresh_token"
	grantClientCredentials = "client_credentials"
)

// GrantTypes returns the grant types that the token endpoint answers.
func GrantTypes() []string {
	return []string{grantPassword, grantRefreshToken, grantClientCredentials}
}

// tokenType is how access tokens are used (RFC 6750).
const tokenType = "Bearer"

// Token is the success answer of the token endpoint (RFC 6749 §5.1).
type Token struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// Token answers a request to the token endpoint. What the client may know of an
// error is a [Problem].
func (p *Provider) Token(ctx context.Context, r *Request) (token *Token, err error) {
	grantType := r.get("grant_type")
	if grantType == "" {
		return nil, invalidRequest("Parameter \"grant_type\" is missing.")
	}
	// Before the client is authenticated, which may cost a slow hash.
	if !slices.Contains(GrantTypes(), grantType) {
		return nil, badRequest(codeUnsupportedGrantType, "The grant_type must be one of %s.", strings.Join(GrantTypes(), ", "))
	}
	if p.cfg.Trace != nil {
		var end func(error)
		ctx, end = p.cfg.Trace(ctx, "grant "+grantType)
		defer func() { end(err) }()
	}
	// The profiles are taken before any epoch is read, and the signing key of now comes
	// along. In this order whatever ends this token later is committed after the
	// lifetime that the profile gives it, and so is kept for as long: see
	// storage.Store.RaiseAccessTokenTTL.
	if err := p.live.refresh(ctx); err != nil {
		return nil, err
	}
	known := *p.live.profiles.Load()
	read := p.live.directory.client
	if grantType == grantPassword && p.cfg.Store.Path() == "" {
		// On a database server the client may have ended a moment ago, unheard of here. An
		// access token issued in that moment ends as soon as it is heard; a session would
		// be dead from the start. That of a refresh is read with its client.
		read = p.cfg.Store.Client
	}
	client, err := p.authenticate(ctx, r, read)
	if err != nil {
		return nil, err
	}
	record := audit.Of(ctx)
	record.Event = eventOf(grantType)
	if !slices.Contains(client.Grants, grantType) || (client.Public && grantType == grantClientCredentials) {
		return nil, badRequest(codeUnauthorizedClient, "This client may not use the grant type %q.", grantType)
	}
	s := &session{request: r, client: client, known: known}
	var scopes, audiences []string
	if grantType != grantRefreshToken { // a refresh is measured by its grant
		if scopes, err = clientScopes(r, client); err != nil {
			return nil, err
		}
		if audiences, err = p.clientAudiences(r, client); err != nil {
			return nil, err
		}
		if s.look, err = p.lookOf(known, audiences); err != nil {
			return nil, err
		}
	}
	if err := p.run(ctx, s, scopes, audiences); err != nil {
		return nil, err
	}
	record.Outcome, record.Scope = audit.OK, s.answer.Scope
	return &s.answer, nil
}

func eventOf(grantType string) string {
	switch grantType {
	case grantPassword:
		return audit.Login
	case grantRefreshToken:
		return audit.Refresh
	default:
		return audit.ClientToken
	}
}

// newAccessToken signs an access token (RFC 9068) of the session's look and writes it
// into the answer. The jti names the grant and the epochs it is issued under, so
// that ending any of them ends the token.
func (p *Provider) newAccessToken(ctx context.Context, s *session, scopes, audiences []string) error {
	now := p.cfg.Now()
	claims := accesstoken.Claims{
		Issuer:   p.cfg.Issuer,
		Subject:  s.GetSubject(),
		Audience: audiences,
		IssuedAt: now.Unix(),
		Expiry:   now.Add(s.look.ttl).Unix(),
		ClientID: s.client.ID,
		Scope:    strings.Join(scopes, " "),
		ID:       accesstoken.NewID(accesstoken.ID{Grant: s.grant.ID, UserEpoch: s.grant.UserEpoch, ClientEpoch: s.client.Epoch}),
	}
	if s.grant.ID != "" {
		claims.AuthTime = s.grant.AuthTime.Unix()
	}
	record := audit.Of(ctx)
	record.Grant, record.Token = s.grant.ID, claims.ID
	extra, err := s.extra(claims)
	if err != nil {
		return err
	}
	token, err := accesstoken.SignAs(p.signer(s.look.algorithm), now, s.look.typ, claims, extra)
	if err != nil {
		return err
	}
	s.answer.AccessToken = token
	s.answer.TokenType = tokenType
	s.answer.ExpiresIn = int64(s.look.ttl / time.Second)
	s.answer.Scope = claims.Scope
	return nil
}
