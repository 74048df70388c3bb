package provider

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/ory/fosite"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// passwordGrant is the resource owner password credentials grant (RFC 6749 §4.3).
// fosite's own knows one error of an authenticator and two writes without a
// transaction.
type passwordGrant struct {
	p *Provider
	handled
}

var _ fosite.TokenEndpointHandler = passwordGrant{}

// errLogin is the one answer to an unknown user, a wrong password, a disabled
// user and one without a password.
var errLogin = badRequest(codeInvalidGrant, "Incorrect username or password")

// HandleTokenEndpointRequest checks the password and decides the scopes.
func (g passwordGrant) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s := r.GetSession().(*session)
	username, password := s.request.get("username"), s.request.get("password")
	if username == "" || password == "" {
		return invalidRequest("Parameters \"username\" and \"password\" are both needed.")
	}
	user, charged, err := g.p.login(ctx, username, password, s.request.From)
	if err != nil {
		return err
	}
	// Only now: an earlier answer would tell what the user may do.
	scopes := scope.Intersect(r.GetRequestedScopes(), user.Scopes)
	if len(scopes) == 0 {
		// No grant will tell the throttle that the password was right.
		if err := g.p.cfg.Store.GuessedRight(ctx, charged); err != nil {
			return err
		}
		return errNoScope
	}
	r.SetRequestedScopes(scopes)
	s.user, s.charged = user, charged
	return nil
}

// PopulateTokenEndpointResponse makes the grant and its first tokens.
func (g passwordGrant) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, response fosite.AccessResponder) error {
	if !g.CanHandleTokenEndpointRequest(ctx, r) {
		return fosite.ErrUnknownRequest
	}
	p, s := g.p, r.GetSession().(*session)
	now := p.cfg.Now().UTC()
	s.grant = storage.Grant{
		ID:          storage.NewGrantID(now),
		UserID:      s.user.ID,
		ClientID:    s.client.ID,
		UserEpoch:   s.user.Epoch,
		ClientEpoch: s.client.Epoch,
		Scopes:      r.GetGrantedScopes(),
		Audiences:   r.GetGrantedAudience(),
		AuthTime:    now,
		ExpiresAt:   now.Add(s.look.ttl),
		RotatedAt:   now,
	}
	if err := p.newAccessToken(ctx, s, s.grant.Scopes, s.grant.Audiences); err != nil {
		return err
	}
	if slices.Contains(s.client.Grants, grantRefreshToken) {
		s.answer.RefreshToken = p.refresh.Load().issue(s.grant.ID)
		s.grant.Refresh = hashToken(s.answer.RefreshToken)
		s.grant.ExpiresAt = now.Add(p.cfg.RefreshTokenTTL)
	}
	if err := p.cfg.Store.Admit(ctx, s.charged, s.grant); err != nil {
		return err
	}
	respond(s, response)
	return nil
}

// login returns the user of that name and password, and what it was charged for.
// Every refusal is errLogin, after the same reads, the same writes and the same
// work: a user that is not there or is disabled is compared as one without a
// password.
func (p *Provider) login(ctx context.Context, username, password string, from netip.Addr) (storage.User, storage.Charged, error) {
	name, nameErr := credentials.Username(username)
	user, err := p.cfg.Store.UserByName(ctx, name)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return storage.User{}, storage.Charged{}, err
	}
	account := user.ID
	switch {
	case nameErr != nil:
		account = p.throttle.nobody(username)
	case err != nil:
		account = p.throttle.nobody(name)
	}
	record := audit.Of(ctx)
	record.User, record.Account = user.Username, account
	unknown := nameErr != nil || err != nil
	refused := unknown || user.Disabled
	if refused {
		user.PasswordHash = ""
	}
	charged, ok, err := p.guess(ctx, &user, account, password, from)
	if err != nil {
		return storage.User{}, storage.Charged{}, err
	}
	switch {
	case unknown:
		record.Reason = "unknown user"
	case user.Disabled:
		record.Reason = "disabled user"
	case user.PasswordHash == "":
		record.Reason = "user has no password"
	case !ok:
		record.Reason = "wrong password"
	}
	if refused || !ok {
		return storage.User{}, storage.Charged{}, errLogin
	}
	return user, charged, nil
}

// checkPassword compares a password with the user's hash, and renews a hash of
// another cost or kind on success. A failure costs as much as the dearest hash of
// any user, so that time tells no account from another.
func (p *Provider) checkPassword(ctx context.Context, user *storage.User, password string) (bool, error) {
	dearest, err := p.cfg.Store.MaxPasswordCost(ctx)
	if err != nil {
		return false, err
	}
	result, err := p.cfg.Pool.Check(ctx, user.PasswordHash, password, dearest)
	if err != nil {
		return false, p.overloaded(err)
	}
	if result.OK && result.Renew {
		p.renewPassword(ctx, user, password)
	}
	return result.OK, nil
}

// renewPassword is an improvement, not a duty: the login stands without it, and
// the next one tries again.
func (p *Provider) renewPassword(ctx context.Context, user *storage.User, password string) {
	hash, err := p.cfg.Pool.Hash(ctx, password)
	if err == nil {
		err = p.cfg.Store.RenewPassword(ctx, user.ID, user.PasswordHash, hash, p.cfg.Pool.Cost())
	}
	if err == nil {
		user.PasswordHash = hash
	} else {
		p.cfg.Log.WarnContext(ctx, "renewing a password hash did not work; the next login tries again", "user", user.ID, "err", err)
	}
}
