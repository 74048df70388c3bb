package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
)

// newFosite returns the engine with every strategy set that it reaches: fosite
// fills in a missing one while it serves, which is a data race.
func (p *Provider) newFosite() *fosite.Fosite {
	config := &fosite.Config{
		AccessTokenLifespan:          p.cfg.AccessTokenTTL,
		RefreshTokenLifespan:         p.cfg.RefreshTokenTTL,
		AccessTokenIssuer:            p.cfg.Issuer,
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		ClientAuthenticationStrategy: p.fositeClient,
	}
	helper := &oauth2.HandleHelper{
		AccessTokenStrategy: accessTokens{p},
		AccessTokenStorage:  noAccessTokens{},
		Config:              config,
	}
	config.TokenEndpointHandlers = fosite.TokenEndpointHandlers{
		passwordGrant{p, handled{grantPassword}},
		refreshGrant{p, handled{grantRefreshToken}},
		&oauth2.ClientCredentialsGrantHandler{HandleHelper: helper, Config: config},
	}
	return fosite.NewOAuth2Provider(noClients{}, config)
}

// run takes an authenticated request through fosite and leaves its answer in s.
func (p *Provider) run(ctx context.Context, s *session, scopes, audiences []string) error {
	form := url.Values{
		"grant_type": {s.request.get("grant_type")},
		"scope":      {strings.Join(scopes, " ")},
		"audience":   audiences,
	}
	r := &http.Request{Method: http.MethodPost, Form: form, PostForm: form}
	request, err := p.fosite.NewAccessRequest(ctx, r, s)
	if err != nil {
		return problemOf(err)
	}
	for _, name := range request.GetRequestedScopes() {
		request.GrantScope(name)
	}
	for _, name := range request.GetRequestedAudience() {
		request.GrantAudience(name)
	}
	if _, err := p.fosite.NewAccessResponse(ctx, request); err != nil {
		return problemOf(err)
	}
	return nil
}

// fositeClient is fosite's client authentication: the client was authenticated
// before fosite was asked.
func (p *Provider) fositeClient(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	s := ctx.Value(fosite.AccessRequestContextKey).(*fosite.AccessRequest).GetSession().(*session)
	return fositeClient{Client: s.client, audiences: append(slices.Clone(s.client.Audiences), p.cfg.DefaultAudience)}, nil
}

// accessTokens is fosite's access token strategy.
type accessTokens struct{ p *Provider }

var _ oauth2.AccessTokenStrategy = accessTokens{}

// GenerateAccessToken signs a token of what was granted. There is no signature to
// key a row by: access tokens are not stored.
func (a accessTokens) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	s := r.GetSession().(*session)
	if err := a.p.newAccessToken(ctx, s, r.GetGrantedScopes(), r.GetGrantedAudience()); err != nil {
		return "", "", err
	}
	return s.answer.AccessToken, "", nil
}

// AccessTokenSignature returns nothing, for nothing is stored.
func (accessTokens) AccessTokenSignature(context.Context, string) string { return "" }

// ValidateAccessToken is not how this server validates.
func (accessTokens) ValidateAccessToken(context.Context, fosite.Requester, string) error {
	return fosite.ErrRequestUnauthorized
}

// handled is what the grant handlers of this package answer alike.
type handled struct{ grantType string }

// CanHandleTokenEndpointRequest reports whether the request is of this grant type.
func (h handled) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(h.grantType)
}

// CanSkipClientAuth is false: every client is known.
func (handled) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// respond hands the session's answer to fosite.
func respond(s *session, response fosite.AccessResponder) {
	response.SetAccessToken(s.answer.AccessToken)
	response.SetTokenType(tokenType)
}

// The rest of what fosite wants to hold. None of it is reached: each answers with
// an error that says so.
var errUnreached = errors.New("provider: fosite reached for something that usher does by itself")

type noClients struct{}

func (noClients) GetClient(context.Context, string) (fosite.Client, error)       { return nil, errUnreached }
func (noClients) ClientAssertionJWTValid(context.Context, string) error          { return errUnreached }
func (noClients) SetClientAssertionJWT(context.Context, string, time.Time) error { return errUnreached }

// noAccessTokens stores nothing: a JWT carries what a verifier needs.
type noAccessTokens struct{}

func (noAccessTokens) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}

func (noAccessTokens) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, errUnreached
}

func (noAccessTokens) DeleteAccessTokenSession(context.Context, string) error { return errUnreached }
