package storage

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// Throttle is what is held against a user, a network, or one seen from the other.
type Throttle struct {
	Username string    // empty: at all accounts
	Network  string    // empty: from all networks, or from where there was none to see
	Failures int       // that still count
	Until    time.Time // until when guesses are refused; zero where they are not
}

// Throttles returns the users who failed to log in, with the network, and the users
// and networks that are refused for what they failed everywhere. Guesses at names
// that are no user's are in the figures of their network alone.
func (s *Store) Throttles(ctx context.Context) ([]Throttle, error) {
	now := millis(s.now())
	var list []Throttle
	// read adds rows of a name, a network, a count and a time, as finish reads the
	// last two.
	read := func(finish func(t *Throttle, count, until int64), query string, args ...any) error {
		return s.read.each(ctx, func(rows *sql.Rows) error {
			var (
				t            Throttle
				count, until int64
			)
			if err := rows.Scan(&t.Username, &t.Network, &count, &until); err != nil {
				return err
			}
			finish(&t, count, until)
			list = append(list, t)
			return nil
		}, query, args...)
	}
	exhausted := func(l Limit) func(*Throttle, int64, int64) {
		return func(t *Throttle, _, until int64) {
			t.Failures, t.Until = int(l.spent(until, now)), fromMillis(now+until-l.latest(now))
		}
	}
	err := read(func(t *Throttle, failures, until int64) {
		t.Failures = int(failures)
		if until > now {
			t.Until = fromMillis(until)
		}
	}, `SELECT u.username, l.network, l.failures, l.blocked_until
		FROM throttle_lanes l JOIN users u ON u.id = l.account WHERE l.failures > 0 AND l.forget_at > $1`, now)
	if err != nil {
		return nil, err
	}
	err = read(exhausted(LimitAccount), `SELECT u.username, '', 0, b.until
		FROM throttle_budgets b JOIN users u ON u.id = b.key WHERE b.kind = $1 AND b.until > $2`,
		LimitAccount, LimitAccount.latest(now))
	if err != nil {
		return nil, err
	}
	err = read(exhausted(LimitNetwork), `SELECT '', key, 0, until
		FROM throttle_budgets WHERE kind = $1 AND until > $2`, LimitNetwork, LimitNetwork.latest(now))
	slices.SortFunc(list, func(a, b Throttle) int {
		return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.Network, b.Network))
	})
	return list, err
}

// ClearThrottle forgets what was failed at a user's account, from everywhere. Where
// the user is at home stays known, and networks keep what they failed.
func (s *Store) ClearThrottle(ctx context.Context, userID string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, `UPDATE throttle_lanes
			SET failures = 0, delay = 0, blocked_until = 0, forget_at = 0, tried = '', repeats_until = 0, home_until = 0,
				expires_at = CASE WHEN known_until > $1 THEN known_until ELSE $1 END
			WHERE account = $2`, millis(s.now()), userID)
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `DELETE FROM throttle_budgets WHERE kind = $1 AND key = $2`, LimitAccount, userID)
		return err
	})
}

// A guess locks rows of several kinds, one of each and in the order lane, account,
// network. So that neither waits for the other in a circle, pruning takes one kind of row
// in a transaction. It asks for the time twice: on a server the row may have been written
// to since it was picked, and only the outer question is asked again.

// deleteLanes deletes the first lanes that say nothing any more.
func (s *Store) deleteLanes(ctx context.Context, limit int64) (int64, error) {
	return s.deleteFrom(ctx, &s.lanes, `DELETE FROM throttle_lanes WHERE expires_at <= $2 AND (account, network) IN
		(SELECT account, network FROM throttle_lanes WHERE expires_at >= $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3)
		RETURNING expires_at`, millis(s.past()), limit)
}

// deleteBudgets deletes up to limit budgets that are not touched.
func deleteBudgets(ctx context.Context, q querier, now, limit int64) (rows int64, err error) {
	for _, kind := range Limits() {
		rows, err = q.exec(ctx, `DELETE FROM throttle_budgets WHERE kind = $1 AND until <= $2 AND key IN
			(SELECT key FROM throttle_budgets WHERE kind = $1 AND until <= $2 ORDER BY until LIMIT $3)`, kind, now, limit)
		if err != nil || rows > 0 {
			return rows, err
		}
	}
	return 0, nil
}

// oldestBudget returns when the first budget is paid back, 0 where there is none.
func oldestBudget(ctx context.Context, q querier) (oldest int64, err error) {
	for _, kind := range Limits() {
		var until int64
		err := q.one(ctx, []any{&until}, `SELECT COALESCE(MIN(until), 0) FROM throttle_budgets WHERE kind = $1`, kind)
		if err != nil {
			return 0, err
		}
		if until > 0 && (oldest == 0 || until < oldest) {
			oldest = until
		}
	}
	return oldest, nil
}
