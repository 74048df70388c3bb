package admin

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Sessions shows the logins of users that live, and ends single ones.
type Sessions struct {
	Store *storage.Store
}

// Page returns at most limit living sessions of a user, those whose ids follow after.
func (s *Sessions) Page(ctx context.Context, username, after string, limit int) ([]storage.Grant, error) {
	user, err := s.user(ctx, username)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Logins(ctx, user.ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing the sessions of user %q: %w", user.Username, err)
	}
	return list, nil
}

// sessionID is what an id can look like. Not every database would take another one.
var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// End ends one session of a user, with every token of it. The error wraps
// [storage.ErrNotFound] where the user has no such session, or no more.
func (s *Sessions) End(ctx context.Context, username, id string) error {
	user, err := s.user(ctx, username)
	if err != nil {
		return err
	}
	var session storage.Session
	if err = storage.ErrNotFound; sessionID.MatchString(id) {
		session, err = s.Store.Session(ctx, id)
	}
	if errors.Is(err, storage.ErrNotFound) || err == nil && session.UserID != user.ID {
		return refuse(storage.ErrNotFound, "user %q has no session %q", user.Username, id)
	}
	if err == nil {
		err = s.Store.EndGrant(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("ending a session of user %q: %w", user.Username, err)
	}
	return nil
}

func (s *Sessions) user(ctx context.Context, raw string) (storage.User, error) {
	name, err := credentials.Username(raw)
	if err != nil {
		return storage.User{}, err
	}
	user, err := s.Store.UserByName(ctx, name)
	return user, about("reading", "user", name, err)
}
