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

// Clear forgets what was failed at a user's account, from everywhere, and returns
// the name in its one form. exists is false where there is no such user; then there
// is nothing to clear, which is no error.
func (t *Throttle) Clear(ctx context.Context, raw string) (name string, exists bool, err error) {
	name, err = credentials.Username(raw)
	if err != nil {
		return "", false, err
	}
	user, err := t.Store.UserByName(ctx, name)
	if errors.Is(err, storage.ErrNotFound) {
		return name, false, nil
	}
	if err == nil {
		err = t.Store.ClearThrottle(ctx, user.ID)
	}
	return name, err == nil, about("clearing", "user", name, err)
}
