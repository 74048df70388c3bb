package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Throttle shows and forgets what was failed by those who guess passwords.
type Throttle struct {
	Store *storage.Store
}

// List returns the users who failed to log in of late, and the users and networks
// that are refused for what they failed everywhere; by user, then network.
func (t *Throttle) List(ctx context.Context) ([]storage.Throttle, error) {
	list, err := t.Store.Throttles(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing who is slowed down: %w", err)
	}
	return list, nil
}

// Clear lets a user be tried again from everywhere, at once. exists is false where
// there is no such user; then there is nothing to clear, which is no error.
func (t *Throttle) Clear(ctx context.Context, name string) (exists bool, err error) {
	name, err = credentials.Username(name)
	if err != nil {
		return false, err
	}
	user, err := t.Store.UserByName(ctx, name)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, about("reading", "user", name, err)
	}
	return true, about("clearing", "user", name, t.Store.ClearThrottle(ctx, user.ID))
}
