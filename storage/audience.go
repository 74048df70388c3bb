package storage

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Audience says how access tokens for one audience look. An audience without one
// gets plain tokens.
type Audience struct {
	URI         string // to the letter
	Algorithm   string // what signs its tokens; empty: the main line of keys
	Type        string // the typ of its tokens
	ExtraClaims []string
	TTL         time.Duration // of its tokens; 0: that of the server
	CreatedAt   time.Time
}

// Audiences returns all audiences, by URI.
func (s *Store) Audiences(ctx context.Context) ([]Audience, error) {
	var audiences []Audience
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var a Audience
		var extra string
		var ttl, created int64
		if err := rows.Scan(&a.URI, &a.Algorithm, &a.Type, &extra, &ttl, &created); err != nil {
			return err
		}
		a.ExtraClaims, a.TTL, a.CreatedAt = split(extra), time.Duration(ttl)*time.Millisecond, fromMillis(created)
		audiences = append(audiences, a)
		return nil
	}, `SELECT uri, algorithm, typ, extra_claims, ttl, created_at FROM audiences`)
	slices.SortFunc(audiences, func(a, b Audience) int { return strings.Compare(a.URI, b.URI) })
	return audiences, err
}

// SaveAudience adds an audience, or replaces all but the creation time of the one
// of its URI, together with the keys that must change for it. From then on tokens
// may live as long as its TTL: see [Store.RaiseAccessTokenTTL]. It returns
// [ErrConflict] when the keys or audiences are no longer of that version.
func (s *Store) SaveAudience(ctx context.Context, version int64, a Audience, keys ...SigningKey) error {
	if a.CreatedAt.IsZero() {
		a.CreatedAt = s.now()
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.saveKeys(ctx, q, version, keys); err != nil {
			return err
		}
		if a.TTL > 0 {
			if err := raiseAccessTokenTTL(ctx, q, a.TTL); err != nil {
				return err
			}
		}
		_, err := q.exec(ctx, `INSERT INTO audiences (uri, algorithm, typ, extra_claims, ttl, created_at)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (uri) DO UPDATE SET algorithm = excluded.algorithm, typ = excluded.typ, extra_claims = excluded.extra_claims, ttl = excluded.ttl`,
			a.URI, a.Algorithm, a.Type, joined(a.ExtraClaims), a.TTL.Milliseconds(), millis(a.CreatedAt))
		return err
	})
}

// DeleteAudience deletes an audience, together with the change of keys that this
// calls for. It returns [ErrNotFound] where there is none of that URI, and
// [ErrConflict] when the keys or audiences are no longer of that version.
func (s *Store) DeleteAudience(ctx context.Context, version int64, uri string, keys ...SigningKey) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.saveKeys(ctx, q, version, keys); err != nil {
			return err
		}
		return must(q.exec(ctx, `DELETE FROM audiences WHERE uri = $1`, uri))
	})
}
