package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
)

var (
	// ErrInvalid says that a token is not to be accepted, whatever the reason.
	ErrInvalid = errors.New("token refused")
	// ErrUnavailable says that a token could not be checked: nothing is known
	// about whether it is good.
	ErrUnavailable = errors.New("token could not be checked")
)

// Claims are what a verified token says.
type Claims = accesstoken.Claims

// KeySet checks that a token of the given typ is signed by the issuer and
// returns its payload. An error that wraps keys.ErrInvalid is about the token;
// any other says that it could not be checked.
type KeySet interface {
	Verify(ctx context.Context, token, typ string) ([]byte, error)
}

// Config says whose tokens an API accepts. Issuer and Audience are required;
// all else may stay zero.
type Config struct {
	Issuer   string // the iss of its tokens, to the letter: an http or https URL
	Audience string // the aud that a token must have for this API

	// Type is the typ that a token must have: "at+jwt" by default (RFC 9068), or
	// "JWT" where the issuer was told to make tokens for this audience so.
	Type string

	// JWKSURL is where the issuer's keys are. By default it is read from the
	// issuer's metadata (RFC 8414).
	JWKSURL string
	// Keys is used instead of fetching the issuer's keys.
	Keys KeySet
	// Active is asked about every token that is valid otherwise: an Introspector is
	// one way. An error refuses the request with 503.
	Active func(ctx context.Context, token string, c Claims) (bool, error)

	// Refused is told of each request that Require answers itself, with the error
	// of the answer, such as invalid_token. Nil is nobody to tell.
	Refused func(r *http.Request, code string)

	Realm       string // of the challenge (RFC 9110, section 11.5); the audience by default
	MetadataURL string // this API's own metadata, named in the challenge (RFC 9728, section 5.1)

	// HTTPClient fetches metadata and keys, http.DefaultClient by default.
	// Redirects to another host or scheme are not followed unless it has a
	// policy of its own.
	HTTPClient *http.Client
	Now        func() time.Time // time.Now by default
}

// Resource is an API that accepts access tokens. It is safe for concurrent use.
type Resource struct {
	issuer, audience string
	typ              string
	keys             KeySet
	claims           *accesstoken.Reader
	active           func(context.Context, string, Claims) (bool, error)
	now              func() time.Time
	refused          func(*http.Request, string)
	challenge        challenge
}

// New returns a Resource. It fetches nothing: the first token does, so that an
// API may start before its issuer.
func New(c Config) (*Resource, error) {
	if c.Audience == "" {
		return nil, errors.New("resource: no audience")
	}
	if err := checkURL(c.Issuer); err != nil {
		return nil, fmt.Errorf("resource: issuer: %w", err)
	}
	if c.JWKSURL != "" {
		if err := checkURL(c.JWKSURL); err != nil {
			return nil, fmt.Errorf("resource: JWKS URL: %w", err)
		}
	}
	if c.Type == "" {
		c.Type = accesstoken.Type
	}
	if !slices.Contains(accesstoken.Types(), c.Type) {
		return nil, fmt.Errorf("resource: type %q: an access token has one of %q", c.Type, accesstoken.Types())
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Realm == "" {
		c.Realm = c.Audience
	}
	if c.Keys == nil {
		c.Keys = newRemote(c)
	}
	if c.Refused == nil {
		c.Refused = func(*http.Request, string) {}
	}
	return &Resource{
		issuer:    c.Issuer,
		audience:  c.Audience,
		typ:       c.Type,
		keys:      c.Keys,
		claims:    new(accesstoken.Reader),
		active:    c.Active,
		now:       c.Now,
		refused:   c.Refused,
		challenge: newChallenge(c.Realm, c.MetadataURL),
	}, nil
}

// For returns the Resource for tokens of another audience, with all else the same:
// one server may stand in front of several APIs.
func (r *Resource) For(audience string) *Resource {
	other := *r
	other.audience = audience
	return &other
}

// Verify returns the claims of an access token if it is one of the issuer's,
// for this audience, has not expired and is active. Otherwise the error wraps
// ErrInvalid, with accesstoken.ErrExpired where that is all, or ErrUnavailable.
func (r *Resource) Verify(ctx context.Context, token string) (Claims, error) {
	payload, err := r.keys.Verify(ctx, token, r.typ)
	switch {
	case errors.Is(err, keys.ErrInvalid):
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	case err != nil:
		return Claims{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	claims, err := r.claims.Parse(payload)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !claims.HasAudience(r.audience) {
		return Claims{}, fmt.Errorf("%w: it is for another audience", ErrInvalid)
	}
	if err := claims.Validate(r.issuer, r.now()); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if r.active == nil {
		return claims, nil
	}
	active, err := r.active(ctx, token, claims)
	switch {
	case err != nil:
		return Claims{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !active:
		return Claims{}, fmt.Errorf("%w: it is not active any more", ErrInvalid)
	}
	return claims, nil
}

// checkURL returns an error unless s is an absolute URL of the web without a
// query or a fragment (RFC 8414, section 2).
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an http or https URL without query and fragment", s)
	}
	return nil
}
