package storage

import (
	"context"
	"database/sql"
	"time"
)

// OnMachineWith returns o for a machine whose clock is off by that much.
func (o Options) OnMachineWith(off time.Duration) Options {
	o.wall = func() time.Time { return time.Now().Add(off) }
	return o
}

// Around stands in for a statement. run runs it; what Around returns is the outcome.
type Around func(statement string, run func() error) error

// Intercept has around stand in for every statement of requests to an embedded
// database, and for those that begin and end a transaction. Nothing may run meanwhile.
func (s *Store) Intercept(around Around) {
	d := s.dialect.(*sqliteDB)
	d.group.q = intercepted{d.group.q, around}
	s.read = intercepted{s.read, around}
	s.dialect = interceptedDialect{s.dialect, around}
}

// intercepted is a querier whose statements around stands in for.
type intercepted struct {
	querier
	around Around
}

func (i intercepted) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = i.around(query, func() (err error) {
		n, err = i.querier.exec(ctx, query, args...)
		return err
	})
	return n, err
}

func (i intercepted) one(ctx context.Context, dest []any, query string, args ...any) error {
	return i.around(query, func() error { return i.querier.one(ctx, dest, query, args...) })
}

func (i intercepted) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return i.around(query, func() error { return i.querier.each(ctx, scan, query, args...) })
}

// interceptedDialect intercepts the one question that is neither a read nor a write.
type interceptedDialect struct {
	dialect
	around Around
}

// changed has no effect that could outlive the loss of its answer.
func (d interceptedDialect) changed(ctx context.Context) (moved bool, err error) {
	if err := d.around(`PRAGMA data_version`, func() error { return nil }); err != nil {
		return false, err
	}
	return d.dialect.changed(ctx)
}

// GrantsOf counts the logins of a user.
func (s *Store) GrantsOf(ctx context.Context, username string) (n int, err error) {
	err = s.read.one(ctx, []any{&n}, `SELECT COUNT(*) FROM grants g JOIN users u ON u.id = g.user_id WHERE u.username = $1`, username)
	return n, err
}

// RotateTogether rotates grants with one presented token as several callers at once do.
// It returns those that won, and those that have to go alone.
func (s *Store) RotateTogether(ctx context.Context, presented, next, answer []byte, ids ...string) (won, alone []string, err error) {
	var group []*asked[rotation, rotated]
	for _, id := range ids {
		group = append(group, &asked[rotation, rotated]{question: rotation{id, presented, next, answer}})
	}
	s.rotateTogether(ctx, group)
	for _, a := range group {
		switch {
		case a.err != nil:
			err = a.err
		case a.answer.won:
			won = append(won, a.question.id)
		case a.answer.alone:
			alone = append(alone, a.question.id)
		}
	}
	return won, alone, err
}

// Outlive uses a transaction until after its limit.
func (s *Store) Outlive(ctx context.Context, limit time.Duration) error {
	return s.dialect.write(ctx, limit, func(ctx context.Context, q querier) error {
		<-ctx.Done()
		for { // until it is undone, which takes a moment
			if _, err := q.exec(context.WithoutCancel(ctx), `SELECT 1`); err != nil {
				return err
			}
		}
	})
}
