package admin

import (
	"context"
	"fmt"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Users is an operator's hand on the users. Every name it is given may be in
// any form that [credentials.Username] maps to the user's. Errors wrap
// [storage.ErrNotFound] and [storage.ErrExists] where those are meant, and the
// errors of credentials and scope for values that break their rules.
type Users struct {
	Store *storage.Store
	Pool  *credentials.Pool
}

// NewUser is what is told of a user to be added.
type NewUser struct {
	Username string
	Email    string
	FullName string
	Scopes   []string // nil: profile
}

// Add adds a user who logs in with password, and returns what was stored.
func (u *Users) Add(ctx context.Context, n NewUser, password string) (storage.User, error) {
	name, err := credentials.Username(n.Username)
	if err != nil {
		return storage.User{}, err
	}
	if err := checkProfile(n.Email, n.FullName, n.Scopes); err != nil {
		return storage.User{}, err
	}
	hash, err := u.hash(ctx, password, name, n.Email)
	if err != nil {
		return storage.User{}, err
	}
	// Made here in full: reading it again could fail, and it would be there all the same.
	user := storage.User{
		ID:           storage.NewID(),
		Username:     name,
		Email:        n.Email,
		FullName:     n.FullName,
		Scopes:       list(once(defaultScopes(n.Scopes))),
		PasswordHash: hash,
		PasswordCost: u.Pool.Cost(),
		Epoch:        storage.NewEpoch(),
		CreatedAt:    stored(u.Store.Now()),
	}
	if err := u.Store.CreateUser(ctx, user); err != nil {
		return storage.User{}, about("adding", "user", name, err)
	}
	return user, nil
}

// Show returns a user.
func (u *Users) Show(ctx context.Context, name string) (storage.User, error) {
	var user storage.User
	err := u.named(name, "reading", func(name string) (err error) {
		user, err = u.Store.UserByName(ctx, name)
		return err
	})
	return user, err
}

// List returns all users, by name.
func (u *Users) List(ctx context.Context) ([]storage.User, error) {
	list, err := u.Store.Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	return list, nil
}

// SetPassword gives a user a new password, and ends every session and token of
// the user.
func (u *Users) SetPassword(ctx context.Context, name, password string) error {
	user, err := u.Show(ctx, name)
	if err != nil {
		return err
	}
	hash, err := u.hash(ctx, password, user.Username, user.Email)
	if err != nil {
		return err
	}
	err = u.Store.SetPassword(ctx, user.ID, "", hash, u.Pool.Cost(), "")
	return about("setting the password of", "user", user.Username, err)
}

// Remove deletes a user, and ends every session and token of the user.
func (u *Users) Remove(ctx context.Context, name string) error {
	return u.named(name, "removing", func(name string) error { return u.Store.RemoveUser(ctx, name) })
}

// named does something to the user who goes by a name.
func (u *Users) named(raw, doing string, do func(name string) error) error {
	name, err := credentials.Username(raw)
	if err != nil {
		return err
	}
	return about(doing, "user", name, do(name))
}

// hash makes a hash of a password that its user, known by names, may have.
func (u *Users) hash(ctx context.Context, password string, names ...string) (string, error) {
	if err := credentials.CheckPassword(password, names...); err != nil {
		return "", err
	}
	return u.Pool.Hash(ctx, password)
}

// checkProfile checks what is told of a user beside name and password.
func checkProfile(email, fullName string, scopes []string) error {
	if err := checkText("e-mail address", email); err != nil {
		return err
	}
	if err := checkText("full name", fullName); err != nil {
		return err
	}
	return checkScopes(scopes)
}
