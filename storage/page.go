package storage

import (
	"context"
	"database/sql"
)

// UsersAfter returns at most limit users whose names follow after, the first ones
// where that is empty. The order is the database's own, which is one order as long
// as the database is the same, and need not be that of [Store.Users].
func (s *Store) UsersAfter(ctx context.Context, after string, limit int) ([]User, error) {
	return s.users(ctx, ` WHERE username > $1 ORDER BY username LIMIT $2`, after, limit)
}

// ClientsAfter is UsersAfter for clients, by id.
func (s *Store) ClientsAfter(ctx context.Context, after string, limit int) ([]Client, error) {
	return s.clients(ctx, ` WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

// Logins returns at most limit of a user's logins that live at now, by id, those
// that follow after. Refresh tokens and answers are left out.
func (s *Store) Logins(ctx context.Context, userID, after string, limit int) ([]Grant, error) {
	var grants []Grant
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var g Grant
		var scopes, audiences string
		var authTime, expires, rotated int64
		if err := rows.Scan(&g.ID, &g.UserID, &g.ClientID, &g.UserEpoch, &g.ClientEpoch, &scopes, &audiences, &authTime, &expires, &rotated); err != nil {
			return err
		}
		g.Scopes, g.Audiences = split(scopes), split(audiences)
		g.AuthTime, g.ExpiresAt, g.RotatedAt = fromMillis(authTime), fromMillis(expires), fromMillis(rotated)
		grants = append(grants, g)
		return nil
	}, `SELECT g.id, g.user_id, g.client_id, g.user_epoch, g.client_epoch, g.scopes, g.audiences, g.auth_time, g.expires_at, g.rotated_at
		FROM grants g JOIN users u ON u.id = g.user_id AND u.epoch = g.user_epoch
			JOIN clients c ON c.id = g.client_id AND c.epoch = g.client_epoch
		WHERE g.user_id = $1 AND g.id > $2 AND g.expires_at > $3 AND u.disabled = 0 AND c.disabled = 0
		ORDER BY g.id LIMIT $4`, userID, after, millis(s.now()), limit)
	return grants, err
}
