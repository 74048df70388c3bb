package storage

import (
	"context"
	"slices"
)

// lane is one account as seen from one network. Times are Unix milliseconds, as
// they are stored.
type lane struct {
	failures     int64
	delay        int64 // after the last failure, milliseconds
	blockedUntil int64
	forgetAt     int64    // when failures, delay and tried no longer count
	tried        []string // marks, the latest first
	repeatsUntil int64    // what repeats have spent, see budget.go
	knownUntil   int64
	homeUntil    int64 // what guesses at home have spent
}

// laneColumns are the order of dest.
const laneColumns = `failures, delay, blocked_until, forget_at, tried, repeats_until, known_until, home_until`

// laneRow scans laneColumns.
type laneRow struct {
	l     lane
	tried string
}

func (r *laneRow) dest() []any {
	l := &r.l
	return []any{&l.failures, &l.delay, &l.blockedUntil, &l.forgetAt, &r.tried, &l.repeatsUntil, &l.knownUntil, &l.homeUntil}
}

func (r *laneRow) lane() lane {
	r.l.tried = split(r.tried)
	return r.l
}

// known reports whether the user is at home here.
func (l *lane) known(now int64) bool { return l.knownUntil > now }

// forget drops failures that have become too old to count.
func (l *lane) forget(now int64) {
	if l.forgetAt <= now {
		*l = lane{repeatsUntil: l.repeatsUntil, knownUntil: l.knownUntil, homeUntil: l.homeUntil}
	}
}

// judge tells whether a password may be tried now, and whether it was tried before.
// A repeat is let through while others have to wait: it says nothing new.
func (l *lane) judge(now int64, mark string) (repeat bool, err error) {
	l.forget(now)
	if slices.Contains(l.tried, mark) {
		return true, LimitRepeats.check(l.repeatsUntil, now)
	}
	if now < l.blockedUntil {
		return false, throttled(LimitDelay, now, l.blockedUntil)
	}
	return false, LimitHome.check(l.homeUntil, now)
}

// fail counts a password that judge has let through.
func (l *lane) fail(now int64, mark string) {
	l.forget(now)
	l.failures++
	switch {
	case l.failures < FreeGuesses:
		l.forgetAt = max(l.forgetAt, now+failureMemory.Milliseconds())
	case l.delay == 0:
		l.delay = FirstDelay.Milliseconds()
	default:
		l.delay = min(2*l.delay, MaxDelay.Milliseconds())
	}
	if l.delay > 0 {
		l.blockedUntil = now + l.delay
		l.forgetAt = l.blockedUntil + delayMemory.Milliseconds()
	}
	if l.known(now) {
		l.homeUntil = LimitHome.after(l.homeUntil, now)
	}
	l.tried = append([]string{mark}, l.tried[:min(len(l.tried), marksKept-1)]...)
}

// succeed takes back a failure that was a right password, and ends the waits for
// those before. Where the same password was right for several at once, it was one
// failure.
func (l *lane) succeed(now int64, mark string) {
	if slices.Contains(l.tried, mark) && l.known(now) {
		_, each := LimitHome.budget()
		l.homeUntil -= each.Milliseconds()
	}
	l.forgetAt = 0
	l.forget(now)
	if l.knownUntil < now+(KnownFor-knownSlack).Milliseconds() {
		l.knownUntil = now + KnownFor.Milliseconds()
	}
}

// lockLane reads a lane that is to be changed, making one where there is none.
// Others who want to change it wait until the transaction of q has ended.
func lockLane(ctx context.Context, q querier, g Guess) (lane, error) {
	var r laneRow
	err := q.one(ctx, r.dest(), `INSERT INTO throttle_lanes (account, network, `+laneColumns+`, expires_at)
		VALUES ($1, $2, 0, 0, 0, 0, '', 0, 0, 0, 0)
		ON CONFLICT (account, network) DO UPDATE SET failures = throttle_lanes.failures
		RETURNING `+laneColumns, g.Account, g.Network)
	return r.lane(), err
}

// save writes a lane that lockLane has read.
func (l *lane) save(ctx context.Context, q querier, g Guess) error {
	_, err := q.exec(ctx, putLane, append(l.values(), l.expires(), g.Account, g.Network)...)
	return err
}

// putLane takes the values of a lane, when it expires, and whose it is.
const putLane = `UPDATE throttle_lanes SET failures = $1, delay = $2, blocked_until = $3, forget_at = $4, tried = $5,
		repeats_until = $6, known_until = $7, home_until = $8, expires_at = $9
	WHERE account = $10 AND network = $11`

// values are in the order of laneColumns.
func (l *lane) values() []any {
	return []any{l.failures, l.delay, l.blockedUntil, l.forgetAt, joined(l.tried), l.repeatsUntil, l.knownUntil, l.homeUntil}
}

// swap writes next in the place of l, in one statement, unless the lane is another by
// now. Few change at once, and then lockLane has them wait for each other.
func (l *lane) swap(ctx context.Context, exec func(context.Context, string, ...any) (int64, error), g Guess, next lane) (won bool, err error) {
	args := append(next.values(), next.expires(), g.Account, g.Network)
	n, err := exec(ctx, putLane+` AND failures = $12 AND delay = $13 AND blocked_until = $14 AND forget_at = $15
		AND tried = $16 AND repeats_until = $17 AND known_until = $18 AND home_until = $19`, append(args, l.values()...)...)
	return n == 1, err
}

// expires is when the lane says nothing any more.
func (l *lane) expires() int64 { return max(l.forgetAt, l.knownUntil) }

// standing is all that a guess will be held against.
type standing struct {
	lane
	account, network int64 // what these have spent, see budget.go
}

// standing reads what is known now, without locks.
func (s *Store) standing(ctx context.Context, g Guess) (standing, error) {
	var (
		found standing
		r     laneRow
	)
	err := s.read.one(ctx, append(r.dest(), &found.account, &found.network), `SELECT COALESCE(l.failures, 0), COALESCE(l.delay, 0),
			COALESCE(l.blocked_until, 0), COALESCE(l.forget_at, 0), COALESCE(l.tried, ''), COALESCE(l.repeats_until, 0), COALESCE(l.known_until, 0),
			COALESCE(l.home_until, 0),
			COALESCE((SELECT until FROM throttle_budgets WHERE kind = $3 AND key = $1), 0),
			COALESCE((SELECT until FROM throttle_budgets WHERE kind = $4 AND key = $2), 0)
		FROM (SELECT 1) one LEFT JOIN throttle_lanes l ON l.account = $1 AND l.network = $2`,
		g.Account, g.Network, LimitAccount, LimitNetwork)
	found.lane = r.lane()
	return found, err
}

// judge is that of the lane, and for strangers that of the budgets.
func (s *standing) judge(now int64, mark string) (repeat bool, err error) {
	repeat, err = s.lane.judge(now, mark)
	if repeat || err != nil || s.known(now) {
		return repeat, err
	}
	if err := LimitAccount.check(s.account, now); err != nil {
		return false, err
	}
	return false, LimitNetwork.check(s.network, now)
}
