package main

import (
	"context"

	"github.com/usher-oauth/usher/storage"
)

// userView is a user as the world may see it: without the hash.
type userView struct {
	ID        string    `json:"id"`
	Username  string    `json:"username"`
	Email     string    `json:"email"`
	FullName  string    `json:"full_name"`
	Disabled  bool      `json:"disabled"`
	Scopes    []string  `json:"scopes"`
	CreatedAt timestamp `json:"created_at"`
	// Password is there only when it was just generated.
	Password string `json:"password,omitempty"`
}

func viewUser(u storage.User) userView {
	return userView{
		ID: u.ID, Username: u.Username, Email: u.Email, FullName: u.FullName,
		Disabled: u.Disabled, Scopes: array(u.Scopes), CreatedAt: timestamp(u.CreatedAt),
	}
}

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
		views := make([]userView, len(all))
		rows := [][]string{{"USERNAME", "FULL NAME", "EMAIL", "SCOPES", "STATE", "CREATED"}}
		for i, u := range all {
			views[i] = viewUser(u)
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
		return c.print(w, viewUser(u), func() string {
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
