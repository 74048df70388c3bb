package main

import (
	"context"

	"github.com/usher-oauth/usher/adminapi"
)

// userList is `usher user list`.
type userList struct {
	officeFlags
	outputFlag
}

func (c *userList) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		all, err := o.users.List(ctx)
		if err != nil {
			return err
		}
		views := make([]adminapi.User, len(all))
		rows := [][]string{{"USERNAME", "FULL NAME", "EMAIL", "SCOPES", "STATE", "CREATED"}}
		for i, u := range all {
			views[i] = adminapi.UserOf(u)
			rows = append(rows, []string{cell(u.Username), cell(u.FullName), cell(u.Email), words(u.Scopes), state(u.Disabled), clock(u.CreatedAt)})
		}
		return c.print(w, views, func() string { return table(rows...) })
	})
}

// userShow is `usher user show`.
type userShow struct{ oneUser }

func (c *userShow) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		u, err := o.users.Show(ctx, c.Name)
		if err != nil {
			return err
		}
		return c.print(w, adminapi.UserOf(u), func() string {
			return table(
				[]string{"username", cell(u.Username)},
				[]string{"id", u.ID},
				[]string{"full name", cell(u.FullName)},
				[]string{"email", cell(u.Email)},
				[]string{"scopes", words(u.Scopes)},
				[]string{"state", state(u.Disabled)},
				[]string{"created", clock(u.CreatedAt)},
			)
		})
	})
}
