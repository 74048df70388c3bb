package admin

import (
	"context"
	"fmt"

	"github.com/usher-oauth/usher/storage"
)

// Page returns at most limit users, those whose names follow after; the order is
// [storage.Store.UsersAfter]'s.
func (u *Users) Page(ctx context.Context, after string, limit int) ([]storage.User, error) {
	list, err := u.Store.UsersAfter(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	return list, nil
}

// Page returns at most limit clients, those whose ids follow after; the order is
// [storage.Store.ClientsAfter]'s.
func (c *Clients) Page(ctx context.Context, after string, limit int) ([]storage.Client, error) {
	list, err := c.Store.ClientsAfter(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing clients: %w", err)
	}
	return list, nil
}
