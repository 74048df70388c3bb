package adminclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-oauth/usher/accesstoken"
)

// FixedToken is an access token that was got elsewhere.
type FixedToken string

// Token returns the token, which is the only one.
func (t FixedToken) Token(_ context.Context, again bool) (string, error) {
	if again {
		return "", ErrUnauthorized
	}
	return string(t), nil
}

// String hides the token.
func (t FixedToken) String() string { return "REDACTED" }

// Credentials get tokens by the client_credentials grant (RFC 6749 §4.4) with the
// scope of administrators, for the server itself (RFC 8707).
type Credentials struct {
	base, id, secret string
	token            string
	http             *http.Client
}

// NewCredentials returns those of a client of the server at base.
func NewCredentials(base, id, secret string) *Credentials {
	return &Credentials{base: strings.TrimSuffix(base, "/"), id: id, secret: secret, http: newHTTP(base)}
}

// String hides the secret.
func (c *Credentials) String() string { return "client " + c.id }

// Token returns the token of before, or a new one.
func (c *Credentials) Token(ctx context.Context, again bool) (string, error) {
	if c.token != "" && !again {
		return c.token, nil
	}
	issuer, err := c.issuer(ctx)
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {accesstoken.AdminScope}, "resource": {issuer}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("asking for an access token: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret)) // RFC 6749 §2.3.1
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := exchange(c.http, r, &answer); err != nil {
		return "", fmt.Errorf("getting an access token as client %q: %w", c.id, err)
	}
	c.token = answer.Token
	return c.token, nil
}

// issuer returns what the server calls itself, which need not be how it is reached
// from here. No more is trusted to the answer than to name the audience of a token.
func (c *Credentials) issuer(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		return "", fmt.Errorf("asking for the issuer: %w", err)
	}
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := exchange(c.http, r, &metadata); err != nil {
		return "", fmt.Errorf("asking for the issuer: %w", err)
	}
	return metadata.Issuer, nil
}
