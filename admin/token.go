package admin

import (
	"context"
	"fmt"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Tokens ends what was issued, at once and on every node.
type Tokens struct {
	Store *storage.Store
}

// RevokeUser ends every session and token of a user, who may log in again.
func (t *Tokens) RevokeUser(ctx context.Context, name string) error {
	name, err := credentials.Username(name)
	if err != nil {
		return err
	}
	return about("ending the sessions of", "user", name, t.Store.EndUserSessions(ctx, name))
}

// RevokeClient ends every session and token a client was issued. It may ask for
// new ones.
func (t *Tokens) RevokeClient(ctx context.Context, id string) error {
	return about("ending the sessions of", "client", id, named(ctx, id, t.Store.EndClientSessions))
}

// RevokeAll ends every session and token that any client was issued, and returns how
// many clients there are.
func (t *Tokens) RevokeAll(ctx context.Context) (int, error) {
	n, err := t.Store.EndAllSessions(ctx)
	if err != nil {
		return 0, fmt.Errorf("ending all sessions: %w", err)
	}
	return n, nil
}
