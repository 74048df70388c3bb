package adminclient

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/storage"
)

// Users is [admin.Users] at a server.
type Users struct{ *Client }

const usersPath = "/admin/users"

func userPath(name string) string { return usersPath + "/" + url.PathEscape(name) }

func userOf(u adminapi.User) storage.User {
	return storage.User{
		ID: u.ID, Username: u.Username, Email: u.Email, FullName: u.FullName,
		Disabled: u.Disabled, Scopes: u.Scopes, CreatedAt: u.CreatedAt.Time,
	}
}

// Add is [admin.Users.Add].
func (u Users) Add(ctx context.Context, n admin.NewUser, password string) (storage.User, error) {
	var made adminapi.User
	err := u.call(ctx, http.MethodPost, usersPath, adminapi.NewUser{
		Username: n.Username, Email: n.Email, FullName: n.FullName, Scopes: n.Scopes, Password: password,
	}, &made)
	return userOf(made), err
}

// Show is [admin.Users.Show].
func (u Users) Show(ctx context.Context, name string) (storage.User, error) {
	var found adminapi.User
	err := u.call(ctx, http.MethodGet, userPath(name), nil, &found)
	return userOf(found), err
}

// List is [admin.Users.List].
func (u Users) List(ctx context.Context) ([]storage.User, error) {
	var all []storage.User
	err := pages(ctx, u.Client, usersPath, func(p *adminapi.Users) string {
		for _, user := range p.Users {
			all = append(all, userOf(user))
		}
		return p.Next
	})
	// The pages come in the database's order.
	slices.SortFunc(all, func(a, b storage.User) int { return cmp.Compare(a.Username, b.Username) })
	return all, err
}

// SetPassword is [admin.Users.SetPassword].
func (u Users) SetPassword(ctx context.Context, name, password string) error {
	return u.call(ctx, http.MethodPut, userPath(name)+"/password", adminapi.Password{Password: password}, nil)
}

// Change is [admin.Users.Change].
func (u Users) Change(ctx context.Context, name string, change admin.UserChange) (storage.User, error) {
	var changed adminapi.User
	err := u.call(ctx, http.MethodPatch, userPath(name), adminapi.UserChange(change), &changed)
	return userOf(changed), err
}

// Remove is [admin.Users.Remove].
func (u Users) Remove(ctx context.Context, name string) error {
	return u.call(ctx, http.MethodDelete, userPath(name), nil, nil)
}
