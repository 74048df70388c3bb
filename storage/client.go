package storage

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
)

// Client is an OAuth 2.0 client (RFC 6749 §2).
type Client struct {
	ID             string
	Name           string
	Public         bool     // has no secret
	Grants         []string // grant types it may use
	Scopes         []string // what it may ask for
	DefaultScopes  []string // what it gets without asking; Scopes where empty
	Audiences      []string // what it may name beside the default audience
	Introspect     bool     // may introspect tokens of other clients
	Disabled       bool
	SecretHash     string
	OldSecretHash  string // works until OldSecretUntil
	OldSecretUntil time.Time
	Epoch          string // see the package's Epochs
	CreatedAt      time.Time
}

const clientColumns = `id, name, public, grants, scopes, default_scopes, audiences, introspect, disabled,
	secret_hash, old_secret_hash, old_secret_until, epoch, created_at`

// clientRow scans clientColumns.
type clientRow struct {
	c                                   Client
	grants, scopes, defaults, audiences string
	oldUntil, created                   int64
}

func (r *clientRow) dest() []any {
	c := &r.c
	return []any{&c.ID, &c.Name, &c.Public, &r.grants, &r.scopes, &r.defaults, &r.audiences, &c.Introspect, &c.Disabled,
		&c.SecretHash, &c.OldSecretHash, &r.oldUntil, &c.Epoch, &r.created}
}

func (r *clientRow) client() Client {
	r.c.Grants, r.c.Scopes = split(r.grants), split(r.scopes)
	r.c.DefaultScopes, r.c.Audiences = split(r.defaults), split(r.audiences)
	r.c.OldSecretUntil, r.c.CreatedAt = fromMillis(r.oldUntil), fromMillis(r.created)
	return r.c
}

// CreateClient adds c, giving it an epoch and a creation time where they are
// empty. It returns [ErrExists] for a taken id.
func (s *Store) CreateClient(ctx context.Context, c Client) error {
	if c.Epoch == "" {
		c.Epoch = NewEpoch()
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = s.now()
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, `INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			c.ID, c.Name, truth(c.Public), joined(c.Grants), joined(c.Scopes), joined(c.DefaultScopes), joined(c.Audiences),
			truth(c.Introspect), truth(c.Disabled), c.SecretHash, c.OldSecretHash, millis(c.OldSecretUntil), c.Epoch, millis(c.CreatedAt))
		if s.dialect.unique(err) {
			return ErrExists
		}
		if err != nil {
			return err
		}
		return s.succeed(ctx, q, c)
	})
}

// succeed makes room for a client whose id was removed a moment ago: what stands
// against the old one's tokens must not stand against the new one's.
func (s *Store) succeed(ctx context.Context, q querier, c Client) error {
	var epoch string
	err := q.one(ctx, []any{&epoch}, `SELECT epoch FROM revocations WHERE kind = $1 AND key = $2`, KindClient, c.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.revoke(ctx, q, Revocation{Kind: KindClient, Key: c.ID, Epoch: c.Epoch})
}

// Client returns the client of that id, or [ErrNotFound].
func (s *Store) Client(ctx context.Context, id string) (Client, error) {
	var r clientRow
	err := s.read.one(ctx, r.dest(), `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id)
	return r.client(), err
}

// Clients returns all clients, by id.
func (s *Store) Clients(ctx context.Context) ([]Client, error) {
	clients, err := s.clients(ctx, ``)
	slices.SortFunc(clients, func(a, b Client) int { return strings.Compare(a.ID, b.ID) })
	return clients, err
}

// clients is users, for clients.
func (s *Store) clients(ctx context.Context, rest string, args ...any) (clients []Client, err error) {
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var r clientRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		clients = append(clients, r.client())
		return nil
	}, `SELECT `+clientColumns+` FROM clients`+rest, args...)
	return clients, err
}

// RotateSecret replaces the secret's hash; the one before stays good until
// keepOldUntil, the zero time ending it now.
func (s *Store) RotateSecret(ctx context.Context, id, hash string, keepOldUntil time.Time) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		var err error
		if keepOldUntil.IsZero() {
			err = must(q.exec(ctx, `UPDATE clients SET old_secret_hash = '', old_secret_until = 0, secret_hash = $1 WHERE id = $2`, hash, id))
		} else {
			err = must(q.exec(ctx, `UPDATE clients SET old_secret_hash = secret_hash, old_secret_until = $1, secret_hash = $2 WHERE id = $3`,
				millis(keepOldUntil), hash, id))
		}
		if err != nil {
			return err
		}
		return s.changedDirectory(ctx, q)
	})
}

// EndClientSessions ends all sessions and tokens the client was issued.
func (s *Store) EndClientSessions(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		return s.endClient(ctx, q, id)
	})
}

// EndAllSessions ends all sessions and tokens that any client was issued, all at once,
// and returns how many clients there are.
func (s *Store) EndAllSessions(ctx context.Context) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		var ids []string
		err := q.each(ctx, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, `SELECT id FROM clients ORDER BY id`)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.endClient(ctx, q, id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	return n, err
}

// RemoveClient deletes the client and ends all sessions and tokens it was
// issued. A later client of the same id has another epoch and inherits none.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := must(q.exec(ctx, `DELETE FROM clients WHERE id = $1`, id)); err != nil {
			return err
		}
		return s.revoke(ctx, q, Revocation{Kind: KindClient, Key: id})
	})
}

func (s *Store) endClient(ctx context.Context, q querier, id string) error {
	epoch := NewEpoch()
	if err := must(q.exec(ctx, `UPDATE clients SET epoch = $1 WHERE id = $2`, epoch, id)); err != nil {
		return err
	}
	return s.revoke(ctx, q, Revocation{Kind: KindClient, Key: id, Epoch: epoch})
}
