package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/usher-oauth/usher/storage"
)

// report logs what a person wants to know about a server that just started, and
// warns of what works but is hardly meant.
func (s *server) report(ctx context.Context) error {
	ring, _, err := s.keys.Load().Ring(ctx)
	if err != nil {
		return err
	}
	key, err := ring.SigningKey(s.store.Now())
	if err != nil {
		return err
	}
	facts := []any{"version", readBuildInfo().Version, "issuer", s.issuer, "database", s.store.Name(), "kid", key.ID, "alg", key.Algorithm}
	if s.operators != nil {
		address, err := baseURL("http", s.AdminAddr, s.operators.Addr())
		if err != nil {
			return err
		}
		facts = append(facts, "admin", address)
	}
	if s.defaultClient != "" {
		facts = append(facts, "default_client", s.defaultClient)
	}
	s.log.InfoContext(ctx, "starting", facts...)

	if host, _, err := net.SplitHostPort(s.Addr); err == nil && unspecified(host) && s.issuer == s.url {
		s.log.WarnContext(ctx, "every address is listened on, but the issuer is of this machine only: name the public URL with --issuer", "issuer", s.issuer)
	}
	if s.RefreshTokenTTL <= s.AccessTokenTTL {
		s.log.WarnContext(ctx, "sessions end before their access tokens do: nobody will refresh, and logging out late ends nothing", "refresh_token_ttl", s.RefreshTokenTTL.String(), "access_token_ttl", s.AccessTokenTTL.String())
	}
	return s.reportClients(ctx)
}

func (s *server) reportClients(ctx context.Context) error {
	if s.defaultClient != "" {
		client, err := s.store.Client(ctx, s.defaultClient)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			s.log.WarnContext(ctx, "the default client does not exist yet: check the spelling (usher client list), or add it",
				"default_client", s.defaultClient, "by", "usher client add "+s.defaultClient+" --public --grants password,refresh_token")
		case err != nil:
			return err
		case !client.Public:
			return fmt.Errorf("--default-client %s: it has a secret, and only a public client can stand in for requests that name none", client.ID)
		case client.Disabled:
			s.log.WarnContext(ctx, "the default client is disabled", "default_client", client.ID)
		}
	}
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(clients, func(c storage.Client) bool { return slices.Contains(c.Grants, "password") }) {
		s.log.InfoContext(ctx, "some clients use the password grant, which RFC 9700 section 2.4 rules out: give it to none but your own apps")
	}
	return nil
}
