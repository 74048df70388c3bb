package provider

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/storage"
)

// refreshGrant is the refresh_token grant (RFC 6749 §6) with rotation and reuse
// detection (RFC 9700 §4.14.2). fosite's own would let two of several parallel
// uses win, and would end the session of a client whose answer was lost on the
// way.
type refreshGrant struct {
	p *Provider
	handled
}

var _ fosite.TokenEndpointHandler = refreshGrant{}

// errRefresh is the one answer to any refresh token that is of no use.
var errRefresh = badRequest(codeInvalidGrant, "The refresh token is invalid, expired, revoked, already used, or of another client. Log in again.")

// HandleTokenEndpointRequest finds what the token was granted, or what its first
// use answered. It changes nothing but to end a grant whose token is used again.
func (g refreshGrant) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s := r.GetSession().(*session)
	token := s.request.get("refresh_token")
	if token == "" {
		return invalidRequest("Parameter \"refresh_token\" is missing.")
	}
	found, err := g.p.sessionOf(ctx, token)
	if err != nil {
		return err
	}
	record := audit.Of(ctx)
	record.User, record.Account, record.Grant = found.Username, found.UserID, found.ID
	switch {
	case found.ClientID != s.client.ID:
		record.Reason = "refresh token of another client"
		return errRefresh
	case !found.Live(g.p.cfg.Now()):
		record.Reason = "session has ended"
		return errRefresh
	}
	if !bytes.Equal(found.Refresh, hashToken(token)) {
		return g.used(ctx, s, found, token)
	}
	scopes, err := narrowedScopes(s.request, found)
	if err != nil {
		return err
	}
	audiences, err := narrowedAudiences(s.request, found)
	if err != nil {
		return err
	}
	if s.look, err = g.p.lookOf(s.known, audiences); err != nil {
		return err
	}
	s.user = storage.User{ID: found.UserID, Username: found.Username}
	s.grant, s.client.Scopes, s.client.Epoch = found.Grant, found.Client.Scopes, found.Client.Epoch
	r.SetRequestedScopes(scopes)
	r.SetRequestedAudience(audiences)
	return nil
}

// PopulateTokenEndpointResponse rotates the token, or repeats an earlier answer.
func (g refreshGrant) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, response fosite.AccessResponder) error {
	if !g.CanHandleTokenEndpointRequest(ctx, r) {
		return fosite.ErrUnknownRequest
	}
	s := r.GetSession().(*session)
	if s.replay == nil {
		if err := g.rotate(ctx, s, r.GetGrantedScopes(), r.GetGrantedAudience()); err != nil {
			return err
		}
	}
	if a := s.replay; a != nil {
		s.answer = Token{
			AccessToken:  a.AccessToken,
			TokenType:    tokenType,
			ExpiresIn:    max(0, a.Expiry-g.p.cfg.Now().Unix()),
			Scope:        a.Scope,
			RefreshToken: a.RefreshToken,
		}
	}
	respond(s, response)
	return nil
}

// rotate makes the successor and puts it in the token's place. Whoever loses the
// race for it is a retry like any other.
func (g refreshGrant) rotate(ctx context.Context, s *session, scopes, audiences []string) error {
	p, token := g.p, s.request.get("refresh_token")
	if err := p.newAccessToken(ctx, s, scopes, audiences); err != nil {
		return err
	}
	s.answer.RefreshToken = p.refresh.Load().issue(s.grant.ID)
	sealed, err := answer{
		AccessToken:  s.answer.AccessToken,
		RefreshToken: s.answer.RefreshToken,
		Scope:        s.answer.Scope,
		Expiry:       p.cfg.Now().Unix() + s.answer.ExpiresIn,
	}.seal(token)
	if err != nil {
		return err
	}
	won, err := p.cfg.Store.RotateGrant(ctx, s.grant.ID, hashToken(token), hashToken(s.answer.RefreshToken), sealed)
	if err != nil || won {
		return err
	}
	found, err := p.sessionOf(ctx, token)
	if err != nil {
		return err
	}
	return g.used(ctx, s, found, token)
}

// used answers a genuine token that is no longer the live one. The parent of the
// live token gets, within the grace, what it was answered before: its holder may
// never have seen that answer. Anything else is a sign that two hold one token,
// and ends the grant.
func (g refreshGrant) used(ctx context.Context, s *session, found storage.Session, token string) error {
	p := g.p
	age := p.cfg.Now().Sub(found.RotatedAt)
	// Without a grace there is none, also after a clock was put back.
	inGrace := p.cfg.RefreshGrace > 0 && age < p.cfg.RefreshGrace
	if inGrace && bytes.Equal(found.Previous, hashToken(token)) {
		a, err := openAnswer(found.Answer, token)
		if err != nil {
			return err
		}
		// Whoever committed it may have been told that it did not work.
		err = p.cfg.Store.ConfirmGrant(ctx, found.ID)
		if errors.Is(err, storage.ErrNotFound) {
			return errRefresh
		}
		if err != nil {
			return err
		}
		audit.Of(ctx).Reason = "answer given again"
		s.replay = &a
		return nil
	}
	if err := p.cfg.Store.EndGrant(ctx, found.ID); err != nil {
		return err
	}
	record := audit.Of(ctx)
	record.Event, record.Reason = audit.Reuse, "used refresh token was used again"
	p.cfg.Log.WarnContext(ctx, "a used refresh token was used again: its grant is ended",
		"grant", found.ID, "client", found.ClientID, "user", found.UserID, "age", age.Round(time.Millisecond))
	return errRefresh
}

// sessionOf returns the grant that a genuine refresh token belongs to, whether it
// is the live token or an ancestor.
func (p *Provider) sessionOf(ctx context.Context, token string) (storage.Session, error) {
	id, ok := p.refresh.Load().grant(token)
	if !ok {
		audit.Of(ctx).Reason = "not a refresh token of this server"
		return storage.Session{}, errRefresh
	}
	s, err := p.cfg.Store.SessionOf(ctx, id, hashToken(token))
	if errors.Is(err, storage.ErrNotFound) {
		audit.Of(ctx).Reason = "session has ended"
		return storage.Session{}, errRefresh
	}
	return s, err
}
