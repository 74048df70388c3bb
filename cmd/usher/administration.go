package main

import (
	"context"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/provider"
)

// administration is what operators may do at the server itself.
func (s *server) administration(p *provider.Provider) []adminapi.Route {
	return adminapi.Routes(adminapi.Config{
		Users:    &admin.Users{Store: s.store, Pool: s.pool},
		Clients:  &admin.Clients{Store: s.store, Secrets: credentials.NewSecrets(s.pool)},
		Sessions: &admin.Sessions{Store: s.store},
		Tokens:   &admin.Tokens{Store: s.store},
		Throttle: &admin.Throttle{Store: s.store},
		// From the file each time, as a command would: the server's own may be older.
		Keys: func(ctx context.Context) (*admin.Keys, error) {
			master, err := s.loadMaster(ctx)
			return &admin.Keys{Store: s.store, Master: master}, otherMaster(err)
		},
		EndToken: p.EndToken,
	})
}
