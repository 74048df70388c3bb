package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// userCmd is `usher user`.
type userCmd struct {
	Add         userAdd         `cmd:"" help:"Add a user."`
	List        userList        `cmd:"" help:"List all users."`
	Show        userShow        `cmd:"" help:"Show one user."`
	SetPassword userSetPassword `cmd:"" help:"Change a password; ends every session and token of the user."`
	SetScopes   userSetScopes   `cmd:"" help:"Change what a user may be granted; living sessions narrow at their next refresh."`
	Disable     userDisable     `cmd:"" help:"Keep a user out; ends every session and token of the user."`
	Enable      userEnable      `cmd:"" help:"Let a disabled user log in again; what was ended stays ended."`
	Remove      userRemove      `cmd:"" help:"Delete a user; ends every session and token of the user."`
	Import      userImport      `cmd:"" help:"Add many users from a file, all or none."`
	Export      userExport      `cmd:"" help:"Write all users in a form that import reads."`
}

// oneUser is what commands about one user share.
type oneUser struct {
	Name string `arg:"" help:"Login name; capitals don't matter."`
	officeFlags
	outputFlag
}

// in is in of officeFlags, for what can be a user's name: at a server, nothing would be
// a path of another meaning.
func (c *oneUser) in(ctx context.Context, create bool, pool *credentials.Pool, do func(office) error) error {
	if _, err := credentials.Username(c.Name); err != nil {
		return err
	}
	return c.officeFlags.in(ctx, create, pool, do)
}

// change makes a change and tells what the user is like then.
func (c *oneUser) change(ctx context.Context, w world, change admin.UserChange, done string) error {
	return c.in(ctx, false, nil, func(o office) error {
		u, err := o.users.Change(ctx, c.Name, change)
		if err != nil {
			return err
		}
		w.say("user %s: %s", u.Username, done)
		return c.print(w, adminapi.UserOf(u), nothing)
	})
}

// userAdd is `usher user add`.
type userAdd struct {
	Email    string `placeholder:"ADDRESS" help:"E-mail address, shown at /users/me."`
	FullName string `placeholder:"NAME" help:"Full name, shown at /users/me."`
	Scopes   list   `placeholder:"LIST" help:"What the user may be granted (default: profile)."`
	passwordFlags
	costFlag
	oneUser
}

func (c *userAdd) Run(ctx context.Context, w world) error {
	scopes, err := c.Scopes.scopes("--scopes")
	if err != nil {
		return err
	}
	if err := c.passwordFlags.check(w); err != nil {
		return err
	}
	pool, err := c.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	return c.in(ctx, true, pool, func(o office) error {
		// Nobody should have to type a password for a name that can't be had.
		if _, err := o.users.Show(ctx, c.Name); err == nil {
			return fmt.Errorf("user %q already exists", c.Name)
		} else if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		password, generated, err := c.read(ctx, w)
		if err != nil {
			return err
		}
		u, err := o.users.Add(ctx, admin.NewUser{Username: c.Name, Email: c.Email, FullName: c.FullName, Scopes: scopes}, password)
		if err != nil {
			return err
		}
		w.say("user %s: added, may be granted: %s", u.Username, words(u.Scopes))
		return c.printPassword(w, c.outputFlag, u, password, generated)
	})
}

// userSetPassword is `usher user set-password`.
type userSetPassword struct {
	passwordFlags
	costFlag
	oneUser
}

func (c *userSetPassword) Run(ctx context.Context, w world) error {
	if err := c.passwordFlags.check(w); err != nil {
		return err
	}
	pool, err := c.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	return c.in(ctx, false, pool, func(o office) error {
		u, err := o.users.Show(ctx, c.Name)
		if err != nil {
			return err // before anyone types a password
		}
		password, generated, err := c.read(ctx, w)
		if err != nil {
			return err
		}
		if err := o.users.SetPassword(ctx, c.Name, password); err != nil {
			return err
		}
		w.say("user %s: password changed, every session and token of before has ended", u.Username)
		return c.printPassword(w, c.outputFlag, u, password, generated)
	})
}

// userSetScopes is `usher user set-scopes`.
type userSetScopes struct {
	oneUser
	Scopes list `arg:"" help:"What the user may be granted, such as 'profile orders:read'; '' for nothing."`
}

func (c *userSetScopes) Run(ctx context.Context, w world) error {
	scopes, err := c.Scopes.scopes("<scopes>")
	if err != nil {
		return err
	}
	return c.change(ctx, w, admin.UserChange{Scopes: append([]string{}, scopes...)},
		"may be granted: "+words(scopes))
}

// userDisable is `usher user disable`.
type userDisable struct{ oneUser }

func (c *userDisable) Run(ctx context.Context, w world) error {
	return c.change(ctx, w, admin.UserChange{Disabled: new(true)},
		"disabled, every session and token has ended")
}

// userEnable is `usher user enable`.
type userEnable struct{ oneUser }

func (c *userEnable) Run(ctx context.Context, w world) error {
	return c.change(ctx, w, admin.UserChange{Disabled: new(false)},
		"enabled, may log in again")
}

// userRemove is `usher user remove`.
type userRemove struct{ oneUser }

func (c *userRemove) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		u, err := o.users.Show(ctx, c.Name)
		if err != nil {
			return err
		}
		if err := o.users.Remove(ctx, c.Name); err != nil {
			return err
		}
		w.say("user %s: removed, every session and token has ended", u.Username)
		return c.print(w, adminapi.UserOf(u), nothing)
	})
}
