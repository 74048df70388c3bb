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

// Session is a grant with what counts of the user and client it belongs to, as they
// are now.
type Session struct {
	Grant
	Username     string
	User, Client Party
}

// Party is a user or client as a session depends on it.
type Party struct {
	Scopes   []string
	Disabled bool
	Epoch    string
}

// Live reports whether the grant still counts at now: not expired, and neither
// user nor client disabled or ended since.
func (s Session) Live(now time.Time) bool {
	return now.Before(s.ExpiresAt) &&
		!s.User.Disabled && s.User.Epoch == s.UserEpoch &&
		!s.Client.Disabled && s.Client.Epoch == s.ClientEpoch
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

// Session returns the grant of that id with its user and client, or
// [ErrNotFound] where one of the three is gone.
func (s *Store) Session(ctx context.Context, grantID string) (Session, error) {
	var (
		found                               Session
		scopes, audiences, ofUser, ofClient string
		authTime, expires, rotated          int64
	)
	g, u, c := &found.Grant, &found.User, &found.Client
	err := s.read.one(ctx, []any{&g.ID, &g.UserID, &g.ClientID, &g.UserEpoch, &g.ClientEpoch, &scopes, &audiences,
		&authTime, &expires, &g.Refresh, &g.Previous, &rotated,
		&found.Username, &ofUser, &u.Disabled, &u.Epoch, &ofClient, &c.Disabled, &c.Epoch},
		`SELECT g.id, g.user_id, g.client_id, g.user_epoch, g.client_epoch, g.scopes, g.audiences,
			g.auth_time, g.expires_at, g.refresh_hash, g.previous_hash, g.rotated_at,
			u.username, u.scopes, u.disabled, u.epoch, c.scopes, c.disabled, c.epoch
		FROM grants g JOIN users u ON u.id = g.user_id JOIN clients c ON c.id = g.client_id
		WHERE g.id = $1`, grantID)
	if err != nil {
		return Session{}, err
	}
	g.Scopes, g.Audiences, u.Scopes, c.Scopes = split(scopes), split(audiences), split(ofUser), split(ofClient)
	g.AuthTime, g.ExpiresAt, g.RotatedAt = fromMillis(authTime), fromMillis(expires), fromMillis(rotated)
	return found, nil
}

// RotateGrant puts the refresh token hashed as next in the place of the one
// hashed as presented, and keeps the sealed answer for a retry. Of any number of
// calls with one presented token, on any number of nodes, one reports won.
func (s *Store) RotateGrant(ctx context.Context, id string, presented, next, answer []byte) (won bool, err error) {
	n, err := s.dialect.single(ctx, `UPDATE grants SET refresh_hash = $1, previous_hash = $2, answer = $3, rotated_at = $4
		WHERE id = $5 AND refresh_hash = $2`, next, presented, answer, millis(s.now()), id)
	return n == 1 && err == nil, err
}

// Answer returns what the use of the live token's parent answered, sealed, or
// [ErrNotFound] where presented is not the hash of that parent any more, or the grant
// has ended.
//
// It returns once the answer is as safe as a write that was acknowledged. PostgreSQL
// shows a commit whose wait for the synchronous standby was broken off, which dies with
// the primary. A commit of our own, which comes after it in the log, waits for both.
func (s *Store) Answer(ctx context.Context, id string, presented []byte) (answer []byte, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		return q.one(ctx, []any{&answer}, `UPDATE grants SET rotated_at = rotated_at WHERE id = $1 AND previous_hash = $2
			RETURNING answer`, id, presented)
	})
	return answer, err
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
