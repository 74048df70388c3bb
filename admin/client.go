package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Clients is an operator's hand on the clients. Errors wrap
// [storage.ErrNotFound] and [storage.ErrExists] where those are meant,
// [ErrRefused] and the errors of credentials and scope for values that break a
// rule.
type Clients struct {
	Store   *storage.Store
	Secrets *credentials.Secrets
	Now     func() time.Time // nil: the database's
}

// Add adds a client and returns what was stored. A confidential client's secret
// is the one given; where that is empty, one is generated, and returned this
// once.
func (c *Clients) Add(ctx context.Context, n NewClient, secret string) (_ storage.Client, generated string, err error) {
	n.Scopes, n.DefaultScopes = once(defaultScopes(n.Scopes)), once(n.DefaultScopes)
	n.Grants, n.Audiences = once(n.Grants), once(n.Audiences)
	if err := n.check(); err != nil {
		return storage.Client{}, "", err
	}
	if n.Public && secret != "" {
		return storage.Client{}, "", refuse(ErrRefused, "a public client has no secret: leave out the secret, or add a confidential client")
	}
	var hash string
	if !n.Public {
		if hash, generated, err = c.secret(ctx, secret); err != nil {
			return storage.Client{}, "", err
		}
	}
	client := storage.Client{
		ID:            n.ID,
		Name:          n.Name,
		Public:        n.Public,
		Grants:        list(n.Grants),
		Scopes:        list(n.Scopes),
		DefaultScopes: list(n.DefaultScopes),
		Audiences:     list(n.Audiences),
		Introspect:    n.Introspect,
		SecretHash:    hash,
		Epoch:         storage.NewEpoch(),
		CreatedAt:     stored(c.Store.Now()),
	}
	if err := c.Store.CreateClient(ctx, client); err != nil {
		return storage.Client{}, "", about("adding", "client", n.ID, err)
	}
	return client, generated, nil
}

// list is words as the database has them.
func list(words []string) []string { return append([]string{}, words...) }

// stored is a time as the database has it.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// secret hashes a secret, or one it generates where that is empty.
func (c *Clients) secret(ctx context.Context, brought string) (hash, generated string, err error) {
	if brought == "" {
		generated = credentials.GenerateSecret()
		return credentials.HashSecret(generated), generated, nil
	}
	hash, err = c.Secrets.HashBrought(ctx, brought)
	return hash, "", err
}

// RotateSecret gives a confidential client a new secret, as Add does. The one
// before stays good for keepOld; at zero it ends now. Sessions and tokens live
// on.
func (c *Clients) RotateSecret(ctx context.Context, id, secret string, keepOld time.Duration) (client storage.Client, generated string, err error) {
	if keepOld < 0 {
		return storage.Client{}, "", refuse(ErrRefused, "the old secret can't be kept for %v: give a time of 0 or more", keepOld)
	}
	client, err = c.Show(ctx, id)
	if err != nil {
		return storage.Client{}, "", err
	}
	if client.Public {
		return storage.Client{}, "", refuse(ErrRefused, "client %q is public and has no secret: add a confidential client instead", id)
	}
	hash, generated, err := c.secret(ctx, secret)
	if err != nil {
		return storage.Client{}, "", err
	}
	var until time.Time
	if keepOld > 0 {
		until = stored(c.now().Add(keepOld))
	}
	if err := c.Store.RotateSecret(ctx, id, hash, until); err != nil {
		return storage.Client{}, "", about("rotating the secret of", "client", id, err)
	}
	client.OldSecretHash, client.OldSecretUntil = "", until
	if keepOld > 0 {
		client.OldSecretHash = client.SecretHash
	}
	client.SecretHash = hash
	return client, generated, nil
}

// Show returns a client.
func (c *Clients) Show(ctx context.Context, id string) (storage.Client, error) {
	var client storage.Client
	err := named(ctx, id, func(ctx context.Context, id string) (err error) {
		client, err = c.Store.Client(ctx, id)
		return err
	})
	return client, about("reading", "client", id, err)
}

// named does what is to be done about a client. What can't be an id is no client's, and
// not every database would take it for one.
func named(ctx context.Context, id string, do func(context.Context, string) error) error {
	if credentials.ClientID(id) != nil {
		return storage.ErrNotFound
	}
	return do(ctx, id)
}

// List returns all clients, by id.
func (c *Clients) List(ctx context.Context) ([]storage.Client, error) {
	list, err := c.Store.Clients(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing clients: %w", err)
	}
	return list, nil
}

// Remove deletes a client, and ends every session and token it was issued.
func (c *Clients) Remove(ctx context.Context, id string) error {
	return about("removing", "client", id, named(ctx, id, c.Store.RemoveClient))
}

func (c *Clients) now() time.Time {
	if c.Now == nil {
		return c.Store.Now()
	}
	return c.Now()
}
