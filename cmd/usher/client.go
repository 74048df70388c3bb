package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// clientCmd is `usher client`.
type clientCmd struct {
	Add          clientAdd          `cmd:"" help:"Add a client."`
	List         clientList         `cmd:"" help:"List all clients."`
	Show         clientShow         `cmd:"" help:"Show one client."`
	RotateSecret clientRotateSecret `cmd:"" help:"Give a confidential client a new secret."`
	Disable      clientDisable      `cmd:"" help:"Keep a client out; ends every session and token of the client."`
	Enable       clientEnable       `cmd:"" help:"Let a disabled client work again; what was ended stays ended."`
	Remove       clientRemove       `cmd:"" help:"Delete a client; ends every session and token of the client."`
}

// oneClient is what commands about one client share.
type oneClient struct {
	ID string `arg:"" name:"id" help:"Client id: 1 to 64 letters, digits and . _ ~ -"`
	officeFlags
	outputFlag
}

// in is in of oneUser, for what can be a client's id.
func (c *oneClient) in(ctx context.Context, create bool, pool *credentials.Pool, do func(office) error) error {
	if err := credentials.ClientID(c.ID); err != nil {
		return err
	}
	return c.officeFlags.in(ctx, create, pool, do)
}

// change makes a change and tells what the client is like then.
func (c *oneClient) change(ctx context.Context, w world, change admin.ClientChange, done string) error {
	return c.in(ctx, false, nil, func(o office) error {
		client, err := o.clients.Change(ctx, c.ID, change)
		if err != nil {
			return err
		}
		w.say("client %s: %s", client.ID, done)
		return c.print(w, viewClient(client, ""), nothing)
	})
}

// printSecret prints the client, with its secret if it was generated: alone on
// standard output, so that a script can take it.
func (c *oneClient) printSecret(w world, client storage.Client, generated string) error {
	v := viewClient(client, generated)
	if generated == "" {
		return c.print(w, v, nothing)
	}
	w.say("The secret is shown only this once:")
	return c.print(w, v, func() string { return generated + "\n" })
}

// secretFlags say where a client secret comes from, if it is not generated.
type secretFlags struct {
	SecretStdin bool `help:"Read the secret from standard input, without the line break at its end, instead of making one."`
	costFlag
}

// open returns the secret brought (empty: one is to be made), and what hashes it,
// which the caller closes.
func (f secretFlags) open(w world) (pool *credentials.Pool, brought string, err error) {
	pool, err = f.pool()
	if err != nil {
		return nil, "", err
	}
	if f.SecretStdin {
		brought, err = w.readSecret()
		if err == nil && brought == "" {
			err = errors.New("the secret on standard input is empty")
		}
		if err != nil {
			pool.Close()
			return nil, "", err
		}
	}
	return pool, brought, nil
}

// clientAdd is `usher client add`.
type clientAdd struct {
	Public        bool   `help:"The client can't keep a secret: an app in a browser, on a phone, on a desk."`
	Name          string `placeholder:"NAME" help:"What people call it."`
	Grants        list   `placeholder:"LIST" help:"Grants it may use: password, refresh_token, client_credentials."`
	Scopes        list   `placeholder:"LIST" help:"What it may ask for (default: profile)."`
	DefaultScopes list   `placeholder:"LIST" help:"What it gets when it asks for nothing (default: all its scopes)."`
	Audiences     list   `placeholder:"LIST" help:"Audiences it may name, beside the default one."`
	Introspect    bool   `help:"May introspect the tokens of every client."`
	secretFlags
	oneClient
}

func (c *clientAdd) Run(ctx context.Context, w world) error {
	scopes, err := c.Scopes.scopes("--scopes")
	if err != nil {
		return err
	}
	defaults, err := c.DefaultScopes.scopes("--default-scopes")
	if err != nil {
		return err
	}
	if c.Public && c.SecretStdin {
		return usagef("a public client has no secret: leave out --public or --secret-stdin")
	}
	pool, brought, err := c.secretFlags.open(w)
	if err != nil {
		return err
	}
	defer pool.Close()
	return c.in(ctx, true, pool, func(o office) error {
		client, generated, err := o.clients.Add(ctx, admin.NewClient{
			ID: c.ID, Name: c.Name, Public: c.Public, Grants: c.Grants, Scopes: scopes,
			DefaultScopes: defaults, Audiences: c.Audiences, Introspect: c.Introspect,
		}, brought)
		if err != nil {
			return err
		}
		w.say("client %s: added (%s), grants: %s, scopes: %s", client.ID, kind(client), words(client.Grants), words(client.Scopes))
		return c.printSecret(w, client, generated)
	})
}

// clientRotateSecret is `usher client rotate-secret`.
type clientRotateSecret struct {
	KeepOld time.Duration `placeholder:"DURATION" help:"How long the old secret works too, such as 24h (default: it stops at once)."`
	secretFlags
	oneClient
}

func (c *clientRotateSecret) Run(ctx context.Context, w world) error {
	if c.KeepOld < 0 {
		return fmt.Errorf("--keep-old %s: choose a duration of 0 or more", c.KeepOld)
	}
	pool, brought, err := c.secretFlags.open(w)
	if err != nil {
		return err
	}
	defer pool.Close()
	return c.in(ctx, false, pool, func(o office) error {
		client, generated, err := o.clients.RotateSecret(ctx, c.ID, brought, c.KeepOld)
		if err != nil {
			return err
		}
		old := "the old one no longer works"
		if c.KeepOld > 0 {
			old = "the old one works until " + clock(client.OldSecretUntil)
		}
		w.say("client %s: new secret, %s", client.ID, old)
		return c.printSecret(w, client, generated)
	})
}

// clientDisable is `usher client disable`.
type clientDisable struct{ oneClient }

func (c *clientDisable) Run(ctx context.Context, w world) error {
	return c.change(ctx, w, admin.ClientChange{Disabled: new(true)},
		"disabled, every session and token has ended")
}

// clientEnable is `usher client enable`.
type clientEnable struct{ oneClient }

func (c *clientEnable) Run(ctx context.Context, w world) error {
	return c.change(ctx, w, admin.ClientChange{Disabled: new(false)},
		"enabled, works again")
}

// clientRemove is `usher client remove`.
type clientRemove struct{ oneClient }

func (c *clientRemove) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		client, err := o.clients.Show(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := o.clients.Remove(ctx, c.ID); err != nil {
			return err
		}
		w.say("client %s: removed, every session and token has ended", client.ID)
		return c.print(w, viewClient(client, ""), nothing)
	})
}
