package storage

import (
	"context"
	"time"
)

// Grant is one login: what a resource owner let a client have, and the one
// refresh token that lives of it. An ended grant has no row.
type Grant struct {
	ID          string
	UserID      string
	ClientID    string
	UserEpoch   string // the user's when the grant was made
	ClientEpoch string // the client's when the grant was made
	Scopes      []string
	Audiences   []string
	AuthTime    time.Time
	ExpiresAt   time.Time // absolute, from the login
	Refresh     []byte    // SHA-256 of the live refresh token; nil where there is none
	Previous    []byte    // SHA-256 of its parent
	RotatedAt   time.Time // when the live refresh token was issued
}

// CreateGrant adds g, which was never rotated: Previous is not looked at. It returns [ErrExists] for a taken id.
func (s *Store) CreateGrant(ctx context.Context, g Grant) error {
	return s.insertGrant(ctx, s.dialect.single, g)
}

func (s *Store) insertGrant(ctx context.Context, exec func(context.Context, string, ...any) (int64, error), g Grant) error {
	_, err := exec(ctx, `INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences,
			auth_time, expires_at, refresh_hash, rotated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		g.ID, g.UserID, g.ClientID, g.UserEpoch, g.ClientEpoch, joined(g.Scopes), joined(g.Audiences),
		millis(g.AuthTime), millis(g.ExpiresAt), g.Refresh, millis(g.RotatedAt))
	if s.dialect.unique(err) {
		return ErrExists
	}
	return err
}

// ConfirmGrant returns once all that was read of the grant is as safe as a write
// that was acknowledged, or [ErrNotFound] where the grant has ended. PostgreSQL shows
// a commit whose wait for the synchronous standby was broken off, which dies with
// the primary. A commit of our own, which comes after it in the log, waits for both.
func (s *Store) ConfirmGrant(ctx context.Context, id string) error {
	return must(s.dialect.single(ctx, `UPDATE grants SET rotated_at = rotated_at WHERE id = $1`, id))
}

// EndGrant ends the grant and every token of it. A grant that is gone already is
// no error: its access tokens may outlive it.
func (s *Store) EndGrant(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if _, err := q.exec(ctx, `DELETE FROM grants WHERE id = $1`, id); err != nil {
			return err
		}
		return s.revoke(ctx, q, Revocation{Kind: KindGrant, Key: id})
	})
}
