package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// The accounts of the demo.
const (
	demoUser     = "johndoe"
	demoPassword = "secret"
	demoClient   = "demo"
	demoAPI      = "demo-api"
)

// demo is `usher demo`: a server with everything a newcomer needs.
type demo struct {
	Database      string `placeholder:"URL" help:"Database to keep, written sqlite:PATH or postgres://USER@HOST/NAME (default: a new one in a temporary folder, removed at the end)."`
	DefaultClient string `default:"demo" placeholder:"ID" help:"Public client of token requests that name none (default: ${default})."`
	settings
}

func (c *demo) Run(ctx context.Context, w world) (err error) {
	database := databaseFlag{Database: c.Database}
	where := "in " + cmp.Or(databasePath(c.Database), "PostgreSQL")
	if c.Database == "" {
		folder, err := os.MkdirTemp("", "usher-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		database.Database = "sqlite:" + filepath.Join(folder, "usher.db")
		where = "in " + folder + ", removed when the demo stops"
	}
	s, err := c.settings.open(ctx, w, database, c.DefaultClient)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	secret, err := s.furnish(ctx)
	if err != nil {
		return err
	}
	s.docsNote = fmt.Sprintf("This is the demo. Authorize as %s with the password %s and leave the client blank, then try GET /users/me. "+
		"The secret of the client %s is in the terminal.", demoUser, demoPassword, demoAPI)
	return s.run(ctx, func() error {
		_, err := fmt.Fprint(w.stdout, demoLines(s.url, where, secret))
		return err
	})
}

// furnish makes the accounts of the demo, or finds them in a database of an
// earlier demo, and returns the secret of the confidential client. That of an
// earlier demo is stored only as a hash, so there is a new one each time.
func (s *server) furnish(ctx context.Context) (secret string, err error) {
	if err := s.refuseOthers(ctx); err != nil {
		return "", err
	}
	if err := s.furnishUser(ctx); err != nil {
		return "", err
	}
	clients := &admin.Clients{Store: s.store, Secrets: credentials.NewSecrets(s.pool)}
	_, _, err = clients.Add(ctx, admin.NewClient{
		ID: demoClient, Name: "Demo app", Public: true, Grants: []string{"password", "refresh_token"},
	}, "")
	if err != nil && !errors.Is(err, storage.ErrExists) {
		return "", err
	}
	_, secret, err = clients.Add(ctx, admin.NewClient{
		ID: demoAPI, Name: "Demo API", Grants: []string{"client_credentials"}, Introspect: true,
	}, "")
	if errors.Is(err, storage.ErrExists) {
		_, secret, err = clients.RotateSecret(ctx, demoAPI, "", 0)
	}
	return secret, err
}

// refuseOthers keeps a user with a password that everyone knows out of a
// database that is in earnest.
func (s *server) refuseOthers(ctx context.Context) error {
	_, err := s.store.Client(ctx, demoAPI)
	if err == nil || !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return err
	}
	if len(users)+len(clients) > 0 {
		return fmt.Errorf("the database %s is not of a demo: its user %s with the password %q would let anyone in; name a new one with --database, or leave it out", s.store.Name(), demoUser, demoPassword)
	}
	return nil
}

// furnishUser makes the user, or gives an earlier one the known password back.
// It goes past admin, whose rules the password is too short for.
func (s *server) furnishUser(ctx context.Context) error {
	u, err := s.store.UserByName(ctx, demoUser)
	if err == nil {
		same, err := s.pool.Check(ctx, u.PasswordHash, demoPassword, 0)
		if err != nil || same.OK {
			return err
		}
	} else if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	hash, err := s.pool.Hash(ctx, demoPassword)
	if err != nil {
		return err
	}
	if u.ID != "" {
		return s.store.SetPassword(ctx, u.ID, "", hash, s.pool.Cost(), "")
	}
	return s.store.CreateUser(ctx, storage.User{
		Username: demoUser, Email: "johndoe@example.com", FullName: "John Doe",
		PasswordHash: hash, PasswordCost: s.pool.Cost(), Scopes: []string{"profile"},
	})
}
