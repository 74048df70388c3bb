package adminclient

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/storage"
)

// Clients is [admin.Clients] at a server.
type Clients struct{ *Client }

const clientsPath = "/admin/clients"

func clientPath(id string) string { return clientsPath + "/" + url.PathEscape(id) }

func clientOf(c adminapi.Client) storage.Client {
	return storage.Client{
		ID: c.ID, Name: c.Name, Public: c.Public, Grants: c.Grants, Scopes: c.Scopes, DefaultScopes: c.DefaultScopes,
		Audiences: c.Audiences, Introspect: c.Introspect, Disabled: c.Disabled,
		OldSecretUntil: c.OldSecretUntil.Time, CreatedAt: c.CreatedAt.Time,
	}
}

// Add is [admin.Clients.Add].
func (c Clients) Add(ctx context.Context, n admin.NewClient, secret string) (storage.Client, string, error) {
	var made adminapi.Client
	err := c.call(ctx, http.MethodPost, clientsPath, adminapi.NewClient{
		ID: n.ID, Secret: secret, Name: n.Name, Public: n.Public, Grants: n.Grants, Scopes: n.Scopes,
		DefaultScopes: n.DefaultScopes, Audiences: n.Audiences, Introspect: n.Introspect,
	}, &made)
	return clientOf(made), made.Secret, err
}

// RotateSecret is [admin.Clients.RotateSecret]. What is less than a millisecond of
// keepOld counts as one.
func (c Clients) RotateSecret(ctx context.Context, id, secret string, keepOld time.Duration) (_ storage.Client, generated string, err error) {
	if keepOld > 0 {
		keepOld += time.Millisecond - 1
	}
	var made adminapi.Client
	err = c.call(ctx, http.MethodPost, clientPath(id)+"/secret", adminapi.NewSecret{Secret: secret, KeepOld: keepOld.Milliseconds()}, &made)
	return clientOf(made), made.Secret, err
}

// Show is [admin.Clients.Show].
func (c Clients) Show(ctx context.Context, id string) (storage.Client, error) {
	var found adminapi.Client
	err := c.call(ctx, http.MethodGet, clientPath(id), nil, &found)
	return clientOf(found), err
}

// List is [admin.Clients.List].
func (c Clients) List(ctx context.Context) ([]storage.Client, error) {
	var all []storage.Client
	err := pages(ctx, c.Client, clientsPath, func(p *adminapi.Clients) string {
		for _, client := range p.Clients {
			all = append(all, clientOf(client))
		}
		return p.Next
	})
	slices.SortFunc(all, func(a, b storage.Client) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// Change is [admin.Clients.Change].
func (c Clients) Change(ctx context.Context, id string, change admin.ClientChange) (storage.Client, error) {
	var changed adminapi.Client
	err := c.call(ctx, http.MethodPatch, clientPath(id), adminapi.ClientChange(change), &changed)
	return clientOf(changed), err
}

// Remove is [admin.Clients.Remove].
func (c Clients) Remove(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, clientPath(id), nil, nil)
}

// Revocations is [admin.Tokens] at a server.
type Revocations struct{ *Client }

// RevokeUser is [admin.Tokens.RevokeUser].
func (r Revocations) RevokeUser(ctx context.Context, name string) error {
	return r.call(ctx, http.MethodPost, "/admin/revocations", adminapi.Revocation{User: name}, nil)
}

// RevokeClient is [admin.Tokens.RevokeClient].
func (r Revocations) RevokeClient(ctx context.Context, id string) error {
	return r.call(ctx, http.MethodPost, "/admin/revocations", adminapi.Revocation{Client: id}, nil)
}

// RevokeAll is [admin.Tokens.RevokeAll]. The token that asks for it is void then.
func (r Revocations) RevokeAll(ctx context.Context) (clients int, err error) {
	var ended adminapi.Revoked
	err = r.call(ctx, http.MethodPost, "/admin/revocations", adminapi.Revocation{All: true}, &ended)
	return ended.Clients, err
}
