package admin

import (
	"context"

	"github.com/usher-oauth/usher/storage"
)

// UserChange is what is to be different about a user. What is nil stays as it is.
type UserChange struct {
	Email    *string
	FullName *string
	Scopes   []string // living sessions narrow at their next refresh
	Disabled *bool    // true ends every session and token, as Disable does
}

// Change changes a user, all of it or nothing, and returns the user as stored. Of two
// changes at once the later one decides, about each field by itself.
func (u *Users) Change(ctx context.Context, name string, c UserChange) (storage.User, error) {
	if err := checkProfile(or(c.Email, ""), or(c.FullName, ""), c.Scopes); err != nil {
		return storage.User{}, err
	}
	var changed storage.User
	err := u.named(name, "changing", func(name string) error {
		return u.Store.ChangeUser(ctx, name, func(user *storage.User) error {
			user.Email, user.FullName = or(c.Email, user.Email), or(c.FullName, user.FullName)
			user.Disabled = or(c.Disabled, user.Disabled)
			if c.Scopes != nil {
				user.Scopes = c.Scopes
			}
			changed = *user
			return nil
		})
	})
	return changed, err
}

// ClientChange is what is to be different about a client. What is nil stays as it is.
// Whether it is public can't be changed: add another client.
type ClientChange struct {
	Name          *string
	Grants        []string
	Scopes        []string // living sessions narrow at their next refresh
	DefaultScopes []string
	Audiences     []string
	Introspect    *bool
	Disabled      *bool // true ends every session and token, as Disable does
}

// Change is Change of [Users], for clients. The client must obey the rules of Add
// afterwards.
func (c *Clients) Change(ctx context.Context, id string, change ClientChange) (storage.Client, error) {
	var changed storage.Client
	err := c.Store.ChangeClient(ctx, id, func(client *storage.Client) error {
		client.Name, client.Introspect = or(change.Name, client.Name), or(change.Introspect, client.Introspect)
		client.Disabled = or(change.Disabled, client.Disabled)
		for _, list := range []struct {
			of *[]string
			to []string
		}{
			{&client.Grants, once(change.Grants)},
			{&client.Scopes, change.Scopes},
			{&client.DefaultScopes, change.DefaultScopes},
			{&client.Audiences, once(change.Audiences)},
		} {
			if list.to != nil {
				*list.of = list.to
			}
		}
		changed = *client
		n := NewClient{
			ID: client.ID, Name: client.Name, Public: client.Public, Grants: client.Grants, Scopes: client.Scopes,
			DefaultScopes: client.DefaultScopes, Audiences: client.Audiences, Introspect: client.Introspect,
		}
		return n.check()
	})
	return changed, about("changing", "client", id, err)
}

// or is what p points to, or what there was where it is nil.
func or[T any](p *T, was T) T {
	if p == nil {
		return was
	}
	return *p
}
