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
	Disabled *bool    // true ends every session and token for good
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
				user.Scopes = once(c.Scopes)
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
	Disabled      *bool // true ends every session and token for good
}

// Change is Change of [Users], for clients. The client must obey the rules of Add
// afterwards, unless all that changes is whether it is disabled.
func (c *Clients) Change(ctx context.Context, id string, change ClientChange) (storage.Client, error) {
	var changed storage.Client
	err := named(ctx, id, func(ctx context.Context, id string) error {
		return c.Store.ChangeClient(ctx, id, func(client *storage.Client) error {
			changed = change.of(*client)
			*client = changed
			if change.isState() {
				return nil
			}
			n := NewClient{
				ID: client.ID, Name: client.Name, Public: client.Public, Grants: client.Grants, Scopes: client.Scopes,
				DefaultScopes: client.DefaultScopes, Audiences: client.Audiences, Introspect: client.Introspect,
			}
			return n.check()
		})
	})
	return changed, about("changing", "client", id, err)
}

// of is the client with what is different.
func (c ClientChange) of(client storage.Client) storage.Client {
	client.Name, client.Introspect = or(c.Name, client.Name), or(c.Introspect, client.Introspect)
	client.Disabled = or(c.Disabled, client.Disabled)
	for _, list := range []struct {
		of *[]string
		to []string
	}{
		{&client.Grants, c.Grants},
		{&client.Scopes, c.Scopes},
		{&client.DefaultScopes, c.DefaultScopes},
		{&client.Audiences, c.Audiences},
	} {
		if list.to != nil {
			*list.of = once(list.to)
		}
	}
	return client
}

// isState reports whether nothing but the state of a client changes.
func (c ClientChange) isState() bool {
	return c.Name == nil && c.Introspect == nil && c.Grants == nil && c.Scopes == nil && c.DefaultScopes == nil && c.Audiences == nil
}

// or is what p points to, or what there was where it is nil.
func or[T any](p *T, was T) T {
	if p == nil {
		return was
	}
	return *p
}
