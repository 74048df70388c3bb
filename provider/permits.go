package provider

import (
	"context"
	"errors"
	"slices"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/storage"
)

// Permits reports whether the client of a token, and its user where it has one, may
// have the scope as things are now. A token says what they could when it was issued,
// and lives on when a scope is taken away. The claims must have been found active.
func (p *Provider) Permits(ctx context.Context, c accesstoken.Claims, scope string) (bool, error) {
	client, err := p.live.directory.client(ctx, c.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case client.Disabled || !slices.Contains(client.Scopes, scope) || p.withheld(client.ID, scope):
		return false, nil
	}
	if id, ok := accesstoken.ParseID(c.ID); ok && id.Grant == "" {
		return true, nil // of the client alone
	}
	user, err := p.live.directory.user(ctx, c.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil && !user.Disabled && slices.Contains(user.Scopes, scope), err
}

// withheld reports whether a client never gets a scope that it may ask for: requests
// that name no client must not lead to administration.
func (p *Provider) withheld(clientID, scope string) bool {
	return scope == accesstoken.AdminScope && clientID == p.cfg.DefaultClient
}

// EndToken ends an access token, or the whole grant of a refresh token, as Revoke
// does, whichever client it was issued to. It returns nil for what is no good anyway.
func (p *Provider) EndToken(ctx context.Context, token string) error {
	if err := p.live.refresh(ctx); err != nil {
		return err
	}
	if isRefreshToken(token) {
		return p.revokeRefresh(ctx, token, anyClient)
	}
	return p.revokeAccess(ctx, token, anyClient)
}

// anyClient is no client's id.
const anyClient = ""
