package provider

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

var (
	// ErrNoUser says that a token has no user behind it: it is a client's own.
	ErrNoUser = errors.New("the token has no user behind it")
	// ErrUserRemoved says that a token is good no more: its user was removed a moment ago.
	ErrUserRemoved = errors.New("the user behind the token was removed")
)

// Profile is what a user may see of the user's own account.
type Profile struct {
	ID       string   `json:"id"`
	Username string   `json:"username"`
	Email    string   `json:"email"`
	FullName string   `json:"full_name"`
	Disabled bool     `json:"disabled"`
	Scopes   []string `json:"scopes"`
}

// Profile returns the user behind a verified token, or [ErrNoUser] or [ErrUserRemoved].
func (p *Provider) Profile(ctx context.Context, c accesstoken.Claims) (Profile, error) {
	u, err := p.userOf(ctx, c, p.live.directory.user)
	if err != nil {
		return Profile{}, err
	}
	return Profile{ID: u.ID, Username: u.Username, Email: u.Email, FullName: u.FullName, Disabled: u.Disabled, Scopes: u.Scopes}, nil
}

// Username returns the name of the user behind a verified token. It is empty for
// a client's own token. The error is [ErrUserRemoved] where the user was removed a moment ago.
func (p *Provider) Username(ctx context.Context, c accesstoken.Claims) (string, error) {
	if !ofUser(c) {
		return "", nil
	}
	u, err := p.userOf(ctx, c, p.live.directory.user)
	return u.Username, err
}

func (p *Provider) userOf(ctx context.Context, c accesstoken.Claims, read func(context.Context, string) (storage.User, error)) (storage.User, error) {
	if !ofUser(c) {
		return storage.User{}, ErrNoUser
	}
	u, err := read(ctx, c.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.User{}, ErrUserRemoved
	}
	return u, err
}

// ChangePassword replaces the password of the user behind a verified token and
// ends every session and token of the user but the one that asks, from an address.
// A wrong current password, which counts as a failed login, and a new one against
// the rules are [Problem]s.
func (p *Provider) ChangePassword(ctx context.Context, c accesstoken.Claims, current, next string, from netip.Addr) error {
	if current == "" || next == "" {
		return invalidRequest("current_password and new_password are both needed.")
	}
	user, err := p.userOf(ctx, c, p.cfg.Store.User) // with the hash
	if err != nil {
		return err
	}
	id, _ := accesstoken.ParseID(c.ID)
	record := audit.Of(ctx)
	record.Event, record.User, record.Account = audit.PasswordChange, user.Username, user.ID
	record.Client, record.Grant = c.ClientID, id.Grant
	if err := credentials.CheckPassword(next, user.Username, user.Email); err != nil {
		return invalidRequest("The new password is refused: %v.", err)
	}
	wrong := &Problem{Status: http.StatusForbidden, Code: codeAccessDenied, Description: "The current password is wrong."}
	charged, ok, err := p.guess(ctx, &user, user.ID, current, from)
	if err != nil {
		return err
	}
	if !ok {
		return wrong
	}
	if err := p.cfg.Store.GuessedRight(ctx, charged); err != nil {
		return err
	}
	hash, err := p.cfg.Pool.Hash(ctx, next)
	if err != nil {
		return p.overloaded(err)
	}
	err = p.cfg.Store.SetPassword(ctx, user.ID, user.PasswordHash, hash, p.cfg.Pool.Cost(), id.Grant)
	switch {
	case errors.Is(err, storage.ErrNotFound): // removed while the passwords were hashed
		return ErrUserRemoved
	case errors.Is(err, storage.ErrConflict): // changed meanwhile: it is the current one no more
		return wrong
	case err == nil:
		record.Outcome = audit.OK
	}
	return err
}

// KeySet verifies signatures of this server's tokens by the keys of now.
type KeySet struct{ p *Provider }

// KeySet returns the provider's published keys for package resource.
func (p *Provider) KeySet() KeySet { return KeySet{p} }

// Verify returns the payload of a token that a published key signed. For the type of
// an access token any that an access token of this server may have will do: which one
// it has depends on the audience it was made for, and on when.
func (k KeySet) Verify(ctx context.Context, token, typ string) ([]byte, error) {
	if err := k.p.live.refresh(ctx); err != nil {
		return nil, err
	}
	types := []string{typ}
	if typ == accesstoken.Type {
		types = accesstoken.Types()
	}
	return k.p.live.ring.Load().Verify(k.p.cfg.Now(), token, types...)
}

// Active reports whether nothing has ended a verified token. After an error the
// token must not be accepted.
func (p *Provider) Active(ctx context.Context, c accesstoken.Claims) (bool, error) {
	if err := p.live.refresh(ctx); err != nil {
		return false, err
	}
	return p.live.active(ctx, c)
}
