package storage

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// frontier is where a table begins, in the order of when its rows are past: as far as
// this process knows, there is none of before. Whoever looks for the oldest begins
// there, for PostgreSQL's index keeps the deleted until a vacuum, by the million in a
// large table, and each look from its beginning would walk over them all.
type frontier struct {
	mu     sync.Mutex
	at     int64     // milliseconds
	looked time.Time // from the index's beginning
}

// lookAll is how often the frontier is looked for from the index's beginning: a
// database that went back in time, to a backup or with its clock, may have rows
// behind it, and so may a transaction that took longer than what it wrote lasts.
const lookAll = time.Hour

// next returns where the look for the oldest is to begin.
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

// move moves the frontier, unless another has since it was read.
func (f *frontier) move(from, to int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == from {
		f.at = to
	}
}

// oldest returns what query finds, the time of the first row from $1 on, in
// milliseconds; 0 where there is none.
func (s *Store) oldest(ctx context.Context, f *frontier, query string) (at int64, err error) {
	now := s.past()
	from := f.next(now)
	if err := s.read.one(ctx, []any{&at}, query, from); err != nil {
		return 0, err
	}
	// No further than now: a row to come may be past before the first that is there.
	to := millis(now)
	if at > 0 {
		to = min(at, to)
	}
	f.move(from, to)
	return at, nil
}

// deleteFrom runs query, which deletes the first rows from $1 on and returns the time of
// each. The other arguments follow.
func (s *Store) deleteFrom(ctx context.Context, f *frontier, query string, args ...any) (rows int64, err error) {
	from, last := f.now(), int64(0)
	args = append([]any{from}, args...)
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		rows, last = 0, 0 // of this try alone
		return q.each(ctx, func(row *sql.Rows) error {
			var at int64
			err := row.Scan(&at)
			rows, last = rows+1, max(last, at)
			return err
		}, query, args...)
	})
	if err != nil {
		return 0, err
	}
	if rows > 0 {
		f.move(from, last)
	}
	return rows, nil
}
