package provider

import (
	"context"
	"errors"
	"slices"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Administrator reports whether the client of a token, and its user where it has one,
// may have [accesstoken.AdminScope] as things are now: a token says what they could
// when it was issued, and lives on when a scope is taken away. It returns who that is,
// for the audit log. The claims must have been found active.
func (p *Provider) Administrator(ctx context.Context, c accesstoken.Claims) (who string, may bool, err error) {
	who = "client " + c.ClientID
	client, err := p.live.directory.client(ctx, c.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return who, false, nil
	case err != nil:
		return who, false, err
	case client.Disabled || !slices.Contains(client.Scopes, accesstoken.AdminScope):
		return who, false, nil
	}
	if id, ok := accesstoken.ParseID(c.ID); ok && id.Grant == "" {
		return who, true, nil
	}
	user, err := p.live.directory.user(ctx, c.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return who, false, nil
	}
	return "user " + user.Username + " at " + who, err == nil && !user.Disabled && slices.Contains(user.Scopes, accesstoken.AdminScope), err
}

// EndToken ends an access token, or the whole grant of a refresh token, as Revoke
// does, whichever client it was issued to. It returns nil for what is no good anyway.
func (p *Provider) EndToken(ctx context.Context, token string) error {
	if err := p.live.refresh(ctx); err != nil {
		return err
	}
	if credentials.LooksLikeRefreshToken(token) {
		return p.revokeRefresh(ctx, token, anyClient)
	}
	return p.revokeAccess(ctx, token, anyClient)
}

// anyClient is no client's id.
const anyClient = ""
