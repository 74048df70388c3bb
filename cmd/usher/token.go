package main

import (
	"context"
)

// tokenCmd is `usher token`.
type tokenCmd struct {
	Revoke  tokenRevoke  `cmd:"" help:"End every session and token of a user or a client at once."`
	Explain tokenExplain `cmd:"" help:"Say in words what a token is, and which check of an API it fails."`
}

// tokenRevoke is `usher token revoke`.
type tokenRevoke struct {
	User   string `placeholder:"NAME" help:"User whose sessions and tokens end; the password stays good."`
	Client string `placeholder:"ID" help:"Client whose sessions and tokens end; its secret stays good."`
	All    bool   `help:"Every client's sessions and tokens end, as after a restore: everybody has to log in again."`
	officeFlags
}

func (c *tokenRevoke) Run(ctx context.Context, w world) error {
	named := 0
	for _, given := range []bool{c.User != "", c.Client != "", c.All} {
		if given {
			named++
		}
	}
	if named != 1 {
		return usagef("name one of --user, --client and --all")
	}
	return c.in(ctx, false, nil, func(o office) error {
		if c.All {
			n, err := o.tokens.RevokeAll(ctx)
			if err != nil {
				return err
			}
			w.say("every session and token of every client (%d) has ended", n)
			return nil
		}
		if c.User != "" {
			if err := o.tokens.RevokeUser(ctx, c.User); err != nil {
				return err
			}
			w.say("user %s: every session and token has ended", cell(c.User))
			return nil
		}
		if err := o.tokens.RevokeClient(ctx, c.Client); err != nil {
			return err
		}
		w.say("client %s: every session and token has ended", c.Client)
		return nil
	})
}
