package storage

import (
	"context"
	"fmt"
	"time"
)

// Guesses at a password are counted before it is hashed, in one transaction that
// all nodes share, so that no number of guesses at once gets past a budget. There
// are three: what one account may fail from one network (its lane), from all
// networks where its user is not at home, and what one network may fail at all
// accounts that are not at home there. A user is at home on a network for [KnownFor]
// after a login from it; guesses made there are held against that lane alone, so
// that strangers elsewhere can't lock the user out. A login clears its lane's waits,
// but not what was failed at home: somebody else may be at home there too.
//
// A failure is a password that was not tried a moment ago: an app that sends an old
// one again and again fails once.
const (
	// FreeGuesses is how many passwords may be wrong in a lane before each further
	// one has to wait. People who are still guessing after ten have forgotten it.
	FreeGuesses = 10
	// FirstDelay is the wait after the last free guess; each further failure
	// doubles it, up to MaxDelay: NIST SP 800-63B-4 §3.2.2 names waits from 30
	// seconds to an hour. In its first hour a lane gets 21 guesses, then one an hour.
	FirstDelay = time.Second
	MaxDelay   = time.Hour
	// failureMemory is how long a lane remembers failures that cost no wait yet.
	failureMemory = time.Hour
	// delayMemory is how long it remembers the others, beyond the wait itself.
	delayMemory = 24 * time.Hour
	// marksKept is how many passwords a lane recognizes when they come again.
	marksKept = 10
	// KnownFor is how long a user is at home on a network.
	KnownFor = 30 * 24 * time.Hour
	// knownSlack is how much of it may pass before a login begins it anew: a column
	// in an index that rarely changes keeps updates cheap.
	knownSlack = 24 * time.Hour
)

// Guess is one password tried at one account from one network.
type Guess struct {
	// Account is a user's id, or whatever stands for a name that is no user's.
	Account string
	// Network is where it came from; empty where that is unknown.
	Network string
	// Mark is the same for the same password at the same account, tells nothing of
	// it without a key that is not in the database, and has no space.
	Mark string
}

// Limit names what refused a guess.
type Limit string

// The limits.
const (
	LimitDelay         Limit = "delay"          // a lane that has to wait
	LimitRepeats       Limit = "repeats"        // the same wrong password too often
	LimitHome          Limit = "home"           // a lane that fails however often its user logs in
	LimitAccount       Limit = "account"        // an account failed from everywhere
	LimitNetwork       Limit = "network"        // a network that failed at many accounts
	LimitClient        Limit = "client"         // a client failed from one network
	LimitClientNetwork Limit = "client_network" // a network that failed at many clients
)

// Limits returns all of them.
func Limits() []Limit {
	return []Limit{LimitDelay, LimitRepeats, LimitHome, LimitAccount, LimitNetwork, LimitClient, LimitClientNetwork}
}

// ThrottledError refuses a guess that was not even looked at. It depends on what
// was tried before and not on whether the account exists.
type ThrottledError struct {
	By    Limit
	After time.Duration // when to try again
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failures (%s): try again in %v", e.By, e.After)
}

func throttled(by Limit, now, until int64) error {
	return &ThrottledError{By: by, After: time.Duration(until-now) * time.Millisecond}
}

// Charged is a guess that was counted as a failure, until it is known what it was.
type Charged struct {
	Guess
	// Repeat says that the password was tried a moment ago and cost nothing.
	Repeat bool

	lane lane // as the charge left it
}

// Charge counts a guess as a failure before the password is checked, or refuses it
// with a [ThrottledError]. What becomes of the guess is told by [Store.Admit] or
// [Store.GuessedRight], or by [Store.GuessedWrong].
func (s *Store) Charge(ctx context.Context, g Guess) (Charged, error) {
	charged := Charged{Guess: g}
	// Most guesses of a flood end here, without the lock that writers wait for.
	seen, err := s.standing(ctx, g)
	if err != nil {
		return charged, err
	}
	now := millis(s.now())
	charged.Repeat, err = seen.judge(now, g.Mark)
	if charged.Repeat || err != nil {
		return charged, err
	}
	if seen.known(now) {
		charged.lane = seen.lane
		charged.lane.fail(now, g.Mark)
		if won, err := seen.lane.swap(ctx, s.dialect.single, g, charged.lane); won || err != nil {
			return charged, err
		}
	}
	waited, err := s.queue(ctx)
	if err != nil {
		return charged, err
	}
	defer func() { <-s.charges }()
	if waited { // perhaps for those who spent what was left
		if seen, err = s.standing(ctx, g); err != nil {
			return charged, err
		}
		if charged.Repeat, err = seen.judge(millis(s.now()), g.Mark); charged.Repeat || err != nil {
			return charged, err
		}
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error { return s.charge(ctx, q, &charged) })
	return charged, err
}

// maxCharges is how many guesses of a process may be counted under locks at once.
// Those of a flood wait for each other there, and must not hold the connections that
// everything else needs.
const maxCharges = 4

// queue waits until a guess may be counted; it reports whether it had to.
func (s *Store) queue(ctx context.Context) (waited bool, err error) {
	select {
	case s.charges <- struct{}{}:
		return false, nil
	default:
	}
	select {
	case s.charges <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// charge does it under the lane's lock.
func (s *Store) charge(ctx context.Context, q querier, c *Charged) error {
	c.lane = lane{}
	l, err := lockLane(ctx, q, c.Guess)
	if err != nil {
		return err
	}
	now := millis(s.now())
	c.Repeat, err = l.judge(now, c.Mark)
	if c.Repeat || err != nil {
		return err
	}
	if !l.known(now) {
		if err := LimitAccount.spend(ctx, q, c.Account, now); err != nil {
			return err
		}
		if err := LimitNetwork.spend(ctx, q, c.Network, now); err != nil {
			return err
		}
	}
	l.fail(now, c.Mark)
	c.lane = l
	return l.save(ctx, q, c.Guess)
}

// GuessedWrong tells that a guess was wrong. Only of a repeat is there more to
// count: it costs no failure, but hashing.
func (s *Store) GuessedWrong(ctx context.Context, c Charged) error {
	if !c.Repeat {
		return nil
	}
	_, each := LimitRepeats.budget()
	_, err := s.dialect.single(ctx, `UPDATE throttle_lanes
		SET repeats_until = CASE WHEN repeats_until > $1 THEN repeats_until ELSE $1 END + $2
		WHERE account = $3 AND network = $4`, millis(s.now()), each.Milliseconds(), c.Account, c.Network)
	return err
}

// GuessedRight tells that a guess was right: the user is at home on that network,
// and what was charged on the way there is given back.
func (s *Store) GuessedRight(ctx context.Context, c Charged) error {
	return s.write(ctx, func(ctx context.Context, q querier) error { return s.settle(ctx, q, c) })
}

// Admit is GuessedRight and CreateGrant in one.
func (s *Store) Admit(ctx context.Context, c Charged, g Grant) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.settle(ctx, q, c); err != nil {
			return err
		}
		return s.insertGrant(ctx, q.exec, g)
	})
}

// settle forgets the failures of a lane whose user has logged in.
func (s *Store) settle(ctx context.Context, q querier, c Charged) error {
	now := millis(s.now())
	if c.lane.known(now) {
		l := c.lane
		l.succeed(now, c.Mark)
		if won, err := c.lane.swap(ctx, q.exec, c.Guess, l); won || err != nil {
			return err
		}
	}
	l, err := lockLane(ctx, q, c.Guess)
	if err != nil {
		return err
	}
	if l.forget(now); !l.known(now) {
		// What a stranger failed was the user's own mistyping.
		if err := LimitAccount.refund(ctx, q, c.Account, l.failures); err != nil {
			return err
		}
		if err := LimitNetwork.refund(ctx, q, c.Network, l.failures); err != nil {
			return err
		}
	}
	l.succeed(now, c.Mark)
	return l.save(ctx, q, c.Guess)
}

// ChargeClient counts a failed authentication of a client from a network, before a
// slow hash where there is one, or refuses it with a [ThrottledError]. client is
// empty where no client can have the id that was sent.
func (s *Store) ChargeClient(ctx context.Context, client, network string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		now := millis(s.now())
		if client != "" {
			if err := LimitClient.spend(ctx, q, clientLane(client, network), now); err != nil {
				return err
			}
		}
		return LimitClientNetwork.spend(ctx, q, network, now)
	})
}

// RefundClient takes back a charge: the secret was right.
func (s *Store) RefundClient(ctx context.Context, client, network string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := LimitClient.refund(ctx, q, clientLane(client, network), 1); err != nil {
			return err
		}
		return LimitClientNetwork.refund(ctx, q, network, 1)
	})
}

// clientLane is the key of a client as seen from a network. Neither has a space.
func clientLane(client, network string) string { return client + " " + network }
