package storage

import (
	"context"
	"database/sql"
	"time"
)

// Session is a grant with what counts of the user and client it belongs to, as they
// are now.
type Session struct {
	Grant
	Username     string
	User, Client Party
	Answer       []byte // see SessionOf
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

// Session returns the grant of that id with its user and client, or
// [ErrNotFound] where one of the three is gone.
func (s *Store) Session(ctx context.Context, grantID string) (Session, error) {
	return s.SessionOf(ctx, grantID, nil)
}

// SessionOf is Session for who presents the refresh token of that hash. Where it is the
// parent of the live one, Answer is what its use answered, sealed under it.
func (s *Store) SessionOf(ctx context.Context, grantID string, presented []byte) (Session, error) {
	if s.sessions != nil {
		return s.sessions.get(ctx, presentation{grantID, presented})
	}
	var r sessionRow
	if err := s.read.one(ctx, r.dest(), selectSession, grantID, presented); err != nil {
		return Session{}, err
	}
	return r.session(), nil
}

// presentation is what SessionOf is called with.
type presentation struct {
	grantID string
	hash    []byte
}

// sessionsTogether reads the sessions of several callers.
func (s *Store) sessionsTogether(ctx context.Context, group []*asked[presentation, Session]) {
	query, args := selectSession, []any{group[0].question.grantID, group[0].question.hash}
	if len(group) > 1 {
		ids, hashes := make([]string, len(group)), make([][]byte, len(group))
		for i, a := range group {
			ids[i], hashes[i] = a.question.grantID, a.question.hash
		}
		query, args = selectSessions, []any{ids, hashes}
	}
	found := make(map[string]Session, len(group))
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var r sessionRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		found[r.s.ID] = r.session()
		return nil
	}, query, args...)
	for _, a := range group {
		session, there := found[a.question.grantID]
		a.answer, a.err = session, err
		if err == nil && !there {
			a.err = ErrNotFound
		}
	}
}

const (
	sessionColumns = `SELECT g.id, g.user_id, g.client_id, g.user_epoch, g.client_epoch, g.scopes, g.audiences,
			g.auth_time, g.expires_at, g.refresh_hash, g.previous_hash, g.rotated_at,
			u.username, u.scopes, u.disabled, u.epoch, c.scopes, c.disabled, c.epoch, `
	sessionTables = ` FROM grants g JOIN users u ON u.id = g.user_id JOIN clients c ON c.id = g.client_id WHERE g.id `

	selectSession = sessionColumns + `CASE WHEN g.previous_hash = $2 THEN g.answer END` + sessionTables + `= $1`
	// Tokens of the group that are of other sessions are no parent of this one.
	selectSessions = sessionColumns + `CASE WHEN g.previous_hash = ANY ($2) THEN g.answer END` + sessionTables + `= ANY ($1)`
)

// sessionRow scans what selectSession finds.
type sessionRow struct {
	s                                   Session
	scopes, audiences, ofUser, ofClient string
	authTime, expires, rotated          int64
}

func (r *sessionRow) dest() []any {
	g, u, c := &r.s.Grant, &r.s.User, &r.s.Client
	return []any{&g.ID, &g.UserID, &g.ClientID, &g.UserEpoch, &g.ClientEpoch, &r.scopes, &r.audiences,
		&r.authTime, &r.expires, &g.Refresh, &g.Previous, &r.rotated,
		&r.s.Username, &r.ofUser, &u.Disabled, &u.Epoch, &r.ofClient, &c.Disabled, &c.Epoch, &r.s.Answer}
}

func (r *sessionRow) session() Session {
	r.s.Scopes, r.s.Audiences = split(r.scopes), split(r.audiences)
	r.s.User.Scopes, r.s.Client.Scopes = split(r.ofUser), split(r.ofClient)
	r.s.AuthTime, r.s.ExpiresAt, r.s.RotatedAt = fromMillis(r.authTime), fromMillis(r.expires), fromMillis(r.rotated)
	return r.s
}
