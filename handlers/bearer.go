package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/resource"
)

// errNoUser answers a client's own token where a user's is needed. Neither code
// of RFC 6750, section 3.1 would be true: the token is valid, so fetching a new
// one wins nothing, and no scope would make it do. It is a 403 that credentials
// of this kind can't cure (RFC 9110, section 15.5.4), as other servers answer
// tokens of machines at the resources of people.
var errNoUser = &provider.Problem{Status: http.StatusForbidden, Code: "access_denied", Description: "This access token stands for a client, not for a user."}

// newGuard returns what lets only good tokens through to the resources here.
func newGuard(c Config, metadataURL string, m *metrics) (*resource.Resource, error) {
	checks := tokenChecks{c.Provider, c.Log}
	return resource.New(resource.Config{
		Issuer:      c.Issuer,
		Audience:    c.DefaultAudience,
		Keys:        checks,
		Active:      checks.Active,
		Refused:     func(_ *http.Request, code string) { m.refused.WithLabelValues(code).Inc() },
		MetadataURL: metadataURL,
		Realm:       realm,
		Now:         c.Provider.Now,
	})
}

// bearer lets requests with an access token of these scopes through to h, which
// gets its claims.
func (s *server) bearer(h bearerHandler, scopes ...string) http.Handler {
	return s.guard.Require(s.claimed(h), scopes...)
}

// bearerHandler answers a request whose token was found good.
type bearerHandler func(http.ResponseWriter, *http.Request, resource.Claims) error

// claimed is h behind the guard, which left the claims of the token for it.
func (s *server) claimed(h bearerHandler) http.Handler {
	return s.try(func(w http.ResponseWriter, r *http.Request) error {
		claims, _ := resource.FromContext(r.Context()) // Require put them there
		err := h(w, r, claims)
		switch {
		case errors.Is(err, provider.ErrNoUser):
			w.Header().Set("WWW-Authenticate", s.challenge) // as RFC 6750, section 3 wants of every refusal
			return errNoUser
		case errors.Is(err, provider.ErrUserRemoved):
			audit.Of(r.Context()).Reason = err.Error()
			s.guard.RefuseToken(w, r)
			return nil
		}
		return err
	})
}

// tokenChecks are the provider's, and tell the log why a token could not be
// checked: package resource tells clients that it couldn't.
type tokenChecks struct {
	provider *provider.Provider
	log      *slog.Logger
}

// Verify checks a signature, for resource.KeySet.
func (t tokenChecks) Verify(ctx context.Context, token, typ string) ([]byte, error) {
	payload, err := t.provider.KeySet().Verify(ctx, token, typ)
	switch {
	case errors.Is(err, keys.ErrInvalid):
		audit.Of(ctx).Reason = err.Error()
	case err != nil:
		t.tell(ctx, err)
	}
	return payload, err
}

// Active asks whether a token has been ended.
func (t tokenChecks) Active(ctx context.Context, _ string, c resource.Claims) (bool, error) {
	active, err := t.provider.Active(ctx, c)
	if err != nil {
		t.tell(ctx, err)
	}
	return active, err
}

func (t tokenChecks) tell(ctx context.Context, err error) {
	if ctx.Err() == nil { // or the client left, and it is no fault
		t.log.LogAttrs(ctx, slog.LevelError, "access token could not be checked", slog.Any("err", err))
	}
}
