package main

import (
	"context"

	"github.com/usher-oauth/usher/storage"
)

// clientView is a client as the world may see it: without hashes.
type clientView struct {
	ID string `json:"client_id"`
	// Secret is there only when it was just generated.
	Secret        string    `json:"client_secret,omitempty"`
	Name          string    `json:"name"`
	Public        bool      `json:"public"`
	Grants        []string  `json:"grants"`
	Scopes        []string  `json:"scopes"`
	DefaultScopes []string  `json:"default_scopes"`
	Audiences     []string  `json:"audiences"`
	Introspect    bool      `json:"introspect"`
	Disabled      bool      `json:"disabled"`
	CreatedAt     timestamp `json:"created_at"`
}

func viewClient(c storage.Client) clientView {
	return clientView{
		ID: c.ID, Name: c.Name, Public: c.Public, Grants: array(c.Grants), Scopes: array(c.Scopes),
		DefaultScopes: array(c.DefaultScopes), Audiences: array(c.Audiences),
		Introspect: c.Introspect, Disabled: c.Disabled, CreatedAt: timestamp(c.CreatedAt),
	}
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
			views[i] = viewClient(client)
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
		return c.print(w, viewClient(client), func() string {
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
