package keys

import (
	"slices"
	"time"
)

// mainLine is the line of the keys that sign whatever no audience asks another
// algorithm for. Its algorithm may change from key to key. Each other line has
// the name of its one algorithm.
const mainLine Algorithm = ""

// notice is how long a line goes on once nothing needs it. Until all nodes know, they
// sign, and stamp their tokens with times that lie before the end of the notice: the
// clock of who gave it may be slow, that of a node fast, and it takes a second.
const notice = 3 * Skew

// line names the succession that the key belongs to.
func (k Key) line() Algorithm {
	if k.ForAudiences {
		return k.Algorithm
	}
	return mainLine
}

// lines returns the algorithms that need a line of their own beside a main line
// of that algorithm, each once and in a fixed order.
func lines(main Algorithm, needed []Algorithm) []Algorithm {
	var own []Algorithm
	for _, alg := range []Algorithm{ES256, RS256, EdDSA} {
		if alg != main && slices.Contains(needed, alg) {
			own = append(own, alg)
		}
	}
	return own
}

// With returns the ring as it will be once a plan is stored.
func (r *Ring) With(plan []Key) *Ring {
	return NewRing(merge(r.keys, plan))
}

// merge returns keys with those of plan in their place or added. Of two changes
// to one key the later counts.
func merge(keys, plan []Key) []Key {
	merged := slices.Clone(keys)
	for _, k := range plan {
		if i := slices.IndexFunc(merged, func(m Key) bool { return m.ID == k.ID }); i >= 0 {
			merged[i] = k
		} else {
			merged = append(merged, k)
		}
	}
	return merged
}

// Adjust plans what the schedule lacks for the algorithms that audiences need
// and for tokens that live for tokenLife. It returns the keys that are new or
// changed, to be stored; none is common.
//
//   - An algorithm that the main line does not have gets a line of its own, with
//     a key that is announced first; until it signs, the main line does.
//   - A line that is not needed, or that the main line takes over from, ends: its
//     key stays published until the last token it may have signed has expired.
//   - A key whose end as a signer is planned stays published for longer tokens.
//
// Without a key in the main line it plans nothing: the first one brings the
// lines along.
func (r *Ring) Adjust(now time.Time, tokenLife time.Duration, needed ...Algorithm) ([]Key, error) {
	signing, err := r.SigningKey(now)
	if err != nil {
		return nil, nil //nolint:nilerr // documented: there is nothing to adjust yet
	}
	next := signing // of the main line, for good
	for _, k := range r.keys {
		if k.line() == mainLine && r.State(k, now) == Announced {
			next = k
		}
	}
	plan := r.Lengthen(now, tokenLife)
	ring := r.With(plan)
	for _, alg := range []Algorithm{ES256, RS256, EdDSA} {
		var changed []Key
		switch wanted := slices.Contains(needed, alg); {
		case wanted && next.Algorithm != alg:
			changed, err = ring.begin(now, alg)
		case wanted && signing.Algorithm != alg:
			changed = ring.end(now, alg, next.SignsFrom, tokenLife)
		default:
			changed = ring.end(now, alg, stored(now).Add(notice), tokenLife)
		}
		if err != nil {
			return nil, err
		}
		plan = merge(plan, changed)
	}
	return plan, nil
}

// Lengthen plans for tokens that live longer than the schedule reckoned with: a
// key that signs and has an end must stay published for the tokens it is about
// to sign. It returns the keys that changed, to be stored; none is common.
func (r *Ring) Lengthen(now time.Time, tokenLife time.Duration) []Key {
	var plan []Key
	for _, k := range r.keys {
		if k.PublishedUntil.IsZero() || r.State(k, now) != Signing {
			continue
		}
		last := k.SignsUntil
		for _, successor := range r.keys {
			if last.IsZero() && successor.line() == k.line() && r.State(successor, now) == Announced {
				last = successor.SignsFrom
			}
		}
		if end := lastUse(last, tokenLife); !last.IsZero() && end.After(k.PublishedUntil) {
			k.PublishedUntil = end
			plan = append(plan, k)
		}
	}
	return plan
}

// begin plans a line that is needed for good.
func (r *Ring) begin(now time.Time, alg Algorithm) ([]Key, error) {
	var again *Key
	for _, k := range r.keys {
		switch {
		case k.line() != alg:
		case k.PublishedUntil.IsZero(): // it signs or is going to
			return nil, nil
		// One that has an end and is still published is known to all. But it may have
		// left the key set of a node whose clock is fast.
		case !k.SignsUntil.IsZero() && k.PublishedUntil.After(now.Add(2*Skew)) && (again == nil || k.SignsFrom.After(again.SignsFrom)):
			again = &k
		}
	}
	if again == nil {
		k, err := generateAt(now, alg, true)
		return []Key{k}, err
	}
	again.SignsUntil, again.PublishedUntil = time.Time{}, time.Time{}
	return []Key{*again}, nil
}

// end plans that a line signs until a time and no longer.
func (r *Ring) end(now time.Time, alg Algorithm, until time.Time, tokenLife time.Duration) []Key {
	var plan []Key
	for _, k := range r.keys {
		if k.line() != alg {
			continue
		}
		switch state := r.State(k, now); {
		case state == Announced && k.SignsFrom.After(until.Add(Skew)): // on no node will it ever sign
			k.PublishedUntil = atOnce(now)
		case state != Announced && state != Signing || !k.SignsUntil.IsZero() && !k.SignsUntil.After(until):
			continue
		default:
			k.SignsUntil = until
			k.PublishedUntil = lastUse(until, tokenLife)
		}
		plan = append(plan, k)
	}
	return plan
}
