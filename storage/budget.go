package storage

import (
	"context"
	"errors"
	"time"
)

// budget returns how many failures fit at once, and how long it takes until one more
// does. What fails in any hour is at most atOnce and what comes back in that hour.
func (l Limit) budget() (atOnce int64, each time.Duration) {
	switch l {
	case LimitNetwork, LimitClientNetwork:
		// A thousand an hour. A network may be an office, or a mobile operator's
		// gateway with thousands of people behind it; those who are at home there
		// don't count. It bounds those who try one password at every account.
		return 500, 7200 * time.Millisecond
	default:
		// A hundred an hour: NIST SP 800-63B-4 §3.2.2 wants no more consecutive
		// failures of one account. It bounds those who guess from many networks.
		return 50, 72 * time.Second
	}
}

// A budget is kept as one time: when all that was spent is paid back. It needs no
// clock to run it, and a time that is past is a row to delete. (Networks of phones
// count cells in this way: the generic cell rate algorithm, ITU-T I.371.)

// latest is the time up to which may be spent already when one more is to fit.
func (l Limit) latest(now int64) int64 {
	atOnce, each := l.budget()
	return now + (atOnce-1)*each.Milliseconds()
}

// check refuses when nothing more fits.
func (l Limit) check(spent, now int64) error {
	if over := spent - l.latest(now); over > 0 {
		return throttled(l, now, now+over)
	}
	return nil
}

// after is the time up to which is spent once one failure more is.
func (l Limit) after(spent, now int64) int64 {
	_, each := l.budget()
	return max(spent, now) + each.Milliseconds()
}

// spent is how many failures a budget still remembers.
func (l Limit) spent(until, now int64) int64 {
	_, each := l.budget()
	return (max(until-now, 0) + each.Milliseconds() - 1) / each.Milliseconds()
}

// spend takes one failure off a budget, or refuses.
func (l Limit) spend(ctx context.Context, q querier, key string, now int64) error {
	_, each := l.budget()
	n, err := q.exec(ctx, `INSERT INTO throttle_budgets (kind, key, until) VALUES ($1, $2, $3)
		ON CONFLICT (kind, key) DO UPDATE
		SET until = CASE WHEN throttle_budgets.until > $4 THEN throttle_budgets.until ELSE $4 END + $5
		WHERE throttle_budgets.until <= $6`,
		l, key, now+each.Milliseconds(), now, each.Milliseconds(), l.latest(now))
	if err != nil || n == 1 {
		return err
	}
	var until int64
	err = q.one(ctx, []any{&until}, `SELECT until FROM throttle_budgets WHERE kind = $1 AND key = $2`, l, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return throttled(l, now, max(until-l.latest(now)+now, now+1))
}

// refund gives failures back that turned out to be none. What was paid back by time
// already does no harm: a time that is past is a full budget, however long past.
func (l Limit) refund(ctx context.Context, q querier, key string, failures int64) error {
	if failures == 0 {
		return nil
	}
	_, each := l.budget()
	_, err := q.exec(ctx, `UPDATE throttle_budgets SET until = until - $1 WHERE kind = $2 AND key = $3`,
		failures*each.Milliseconds(), l, key)
	return err
}
