package provider

import (
	"context"
	"errors"
	"time"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
)

// Revoke ends a token of the client that asks (RFC 7009). A refresh token, live
// or used, ends its whole grant; an access token ends alone. It returns nil for
// tokens that are unknown, expired, malformed or another client's, and ends none
// of them.
func (p *Provider) Revoke(ctx context.Context, r *Request) error {
	if err := p.live.refresh(ctx); err != nil {
		return err
	}
	client, err := p.authenticate(ctx, r, p.live.directory.client)
	if err != nil {
		return err
	}
	token, err := r.token()
	if err != nil {
		return err
	}
	// The two kinds look different, so that token_type_hint has nothing to add.
	if credentials.LooksLikeRefreshToken(token) {
		return p.revokeRefresh(ctx, token, client.ID)
	}
	return p.revokeAccess(ctx, token, client.ID)
}

func (p *Provider) revokeRefresh(ctx context.Context, token, clientID string) error {
	s, err := p.sessionOf(ctx, token)
	if errors.Is(err, errRefresh) {
		// Another node may have ended it, or this one without hearing that it did. To
		// answer that it has ended is to answer for its access tokens (RFC 7009 §2.1).
		if _, genuine := p.refresh.Load().grant(token); genuine {
			p.live.doubt()
		}
		return nil
	}
	if err != nil || (clientID != anyClient && s.ClientID != clientID) {
		return err
	}
	record := audit.Of(ctx)
	record.Event, record.User, record.Account, record.Grant = audit.Revocation, s.Username, s.UserID, s.ID
	if err := p.cfg.Store.EndGrant(ctx, s.ID); err != nil {
		return err
	}
	record.Outcome = audit.OK
	return nil
}

func (p *Provider) revokeAccess(ctx context.Context, token, clientID string) error {
	c, err := p.verify(ctx, token)
	if refused(err) {
		return nil
	}
	if err != nil || (clientID != anyClient && c.ClientID != clientID) {
		return err
	}
	record := audit.Of(ctx)
	record.Event, record.Account, record.Token = audit.Revocation, c.Subject, c.ID
	if err := p.cfg.Store.RevokeToken(ctx, c.ID, time.Unix(c.Expiry, 0)); err != nil {
		return err
	}
	record.Outcome = audit.OK
	return nil
}
