package storage

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// frontier is where the living grants begin, in the order in which they expire: as far
// as this process knows, none is left that expired before. Whoever looks for the oldest
// begins there, for PostgreSQL's index keeps the deleted until a vacuum, by the million
// in a large table, and each look from its beginning would walk over them all.
type frontier struct {
	mu     sync.Mutex
	at     int64     // milliseconds
	looked time.Time // from the index's beginning
}

// lookAll is how often the frontier is looked for from the index's beginning: a
// database that went back in time, to a backup or with its clock, may have grants
// behind it.
const lookAll = time.Hour

// next returns where the look for the oldest grant is to begin.
func (f *frontier) next(now time.Time) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.looked) || now.Sub(f.looked) >= lookAll {
		f.at, f.looked = 0, now
	}
	return f.at
}

func (f *frontier) now() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *frontier) move(to int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = to
}

// deleteExpired deletes grants that expired an access token's lifetime ago, the oldest
// first. Not before: until then the grant's refresh token, good for nothing else, still
// logs out.
func (s *Store) deleteExpired(ctx context.Context, limit int64) (rows int64, err error) {
	now := millis(s.past())
	var last int64
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		rows, last = 0, 0 // of this try alone
		return q.each(ctx, func(row *sql.Rows) error {
			var expired int64
			err := row.Scan(&expired)
			rows, last = rows+1, max(last, expired)
			return err
		}, `DELETE FROM grants WHERE id IN (SELECT id FROM grants
			WHERE expires_at >= $1 AND expires_at <= $2 - (SELECT value FROM settings WHERE name = $3)
			ORDER BY expires_at LIMIT $4)
			RETURNING expires_at`, s.expired.now(), now, settingAccessTokenTTL, limit)
	})
	if err != nil {
		return 0, err
	}
	if rows > 0 {
		s.expired.move(last)
	}
	return rows, nil
}

// oldestGrant returns when the grant expires, or did, that is the first to, in
// milliseconds; 0 where there is none.
func (s *Store) oldestGrant(ctx context.Context) (expires int64, err error) {
	now := s.past()
	err = s.read.one(ctx, []any{&expires}, `SELECT COALESCE(MIN(expires_at), 0) FROM grants WHERE expires_at >= $1`, s.expired.next(now))
	if err == nil && expires > 0 {
		// Not past now, for a login to come may last less than that one.
		s.expired.move(min(expires, millis(now)))
	}
	return expires, err
}
