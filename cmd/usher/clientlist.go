package main

import (
	"context"

	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/storage"
)

// clientView is a client as the world may see it: without hashes.
type clientView struct {
	adminapi.Client
	// It hides the member of that name above: here that is in the table alone.
	OldSecretUntil struct{} `json:"old_secret_until,omitzero"`
}

// viewClient views a client, with its secret if it was just generated.
func viewClient(c storage.Client, secret string) clientView {
	return clientView{Client: adminapi.ClientOf(c, secret)}
}

// kind is what RFC 6749, section 2.1, calls the client type.
func kind(c storage.Client) string {
	if c.Public {
		return "public"
	}
	return "confidential"
}

// clientList is `usher client list`.
type clientList struct {
	officeFlags
	outputFlag
}

func (c *clientList) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		all, err := o.clients.List(ctx)
		if err != nil {
			return err
		}
		views := make([]clientView, len(all))
		rows := [][]string{{"ID", "NAME", "TYPE", "GRANTS", "SCOPES", "STATE", "CREATED"}}
		for i, client := range all {
			views[i] = viewClient(client, "")
			rows = append(rows, []string{client.ID, cell(client.Name), kind(client), words(client.Grants), words(client.Scopes), state(client.Disabled), clock(client.CreatedAt)})
		}
		return c.print(w, views, func() string { return table(rows...) })
	})
}

// clientShow is `usher client show`.
type clientShow struct{ oneClient }

func (c *clientShow) Run(ctx context.Context, w world) error {
	return c.in(ctx, false, nil, func(o office) error {
		client, err := o.clients.Show(ctx, c.ID)
		if err != nil {
			return err
		}
		return c.print(w, viewClient(client, ""), func() string {
			return table(
				[]string{"client id", client.ID},
				[]string{"name", cell(client.Name)},
				[]string{"type", kind(client)},
				[]string{"grants", words(client.Grants)},
				[]string{"scopes", words(client.Scopes)},
				[]string{"default scopes", words(client.DefaultScopes)},
				[]string{"audiences", words(client.Audiences)},
				[]string{"introspects all", yesNo(client.Introspect)},
				[]string{"state", state(client.Disabled)},
				[]string{"old secret until", clock(client.OldSecretUntil)},
				[]string{"created", clock(client.CreatedAt)},
			)
		})
	})
}
