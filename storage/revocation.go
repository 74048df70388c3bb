package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Kind is what a revocation names.
type Kind string

// The kinds of revocations.
const (
	KindToken  Kind = "token"  // one access token, by jti
	KindGrant  Kind = "grant"  // every token of a login, by grant id
	KindUser   Kind = "user"   // every token of a user of another epoch
	KindClient Kind = "client" // every token of a client of another epoch
)

// Revocation says that something ended before its time. It is kept until the
// last access token it concerns has expired.
type Revocation struct {
	Seq       int64 // commit order: a later one is larger
	Kind      Kind
	Key       string
	Epoch     string // of users and clients: the epoch that lives; empty for none
	KeepGrant string // of users: a grant that lives though its epoch is older
	Until     time.Time
}

// Covers reports whether the revocation ends what carries these names.
func (r Revocation) Covers(grant, epoch string) bool {
	switch r.Kind {
	case KindUser:
		return epoch != r.Epoch && (grant == "" || grant != r.KeepGrant)
	case KindClient:
		return epoch != r.Epoch
	default:
		return true
	}
}

// expirySlack is how long a revocation outlives the tokens it concerns: the nodes'
// clocks may differ.
const expirySlack = time.Minute

// RevokeToken ends the access token of that jti, which expires at until.
func (s *Store) RevokeToken(ctx context.Context, jti string, until time.Time) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		return s.revoke(ctx, q, Revocation{Kind: KindToken, Key: jti, Until: until.Add(expirySlack)})
	})
}

// revoke writes r, in the place of an earlier one of its kind and key. Without an
// Until it is kept for the longest lifetime an access token was ever given here:
// the process that revokes may not be the one that issues.
func (s *Store) revoke(ctx context.Context, q querier, r Revocation) error {
	// The counter's row is locked until the commit, so numbers become visible in
	// their order and a follower that asks for "after n" misses none.
	seq, err := bump(ctx, q, settingRevocations)
	if err != nil {
		return err
	}
	if r.Until.IsZero() {
		// Under the lock: see raiseAccessTokenTTL.
		ttl, err := accessTokenTTL(ctx, q)
		if err != nil {
			return err
		}
		r.Until = s.now().Add(ttl + expirySlack)
	}
	if r.Kind == KindUser || r.Kind == KindClient {
		if _, err := bump(ctx, q, settingDirectory); err != nil {
			return err
		}
	}
	swept := r.Kind == KindToken || r.Kind == KindGrant
	_, err = q.exec(ctx, `INSERT INTO revocations (kind, key, epoch, keep_grant, until, seq, swept)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (kind, key) DO UPDATE SET epoch = excluded.epoch, keep_grant = excluded.keep_grant, seq = excluded.seq, swept = excluded.swept,
			until = CASE WHEN excluded.until > revocations.until THEN excluded.until ELSE revocations.until END`,
		r.Kind, r.Key, r.Epoch, r.KeepGrant, millis(r.Until), seq, truth(swept))
	if err != nil {
		return err
	}
	return s.dialect.announce(ctx, q)
}

// Revocations returns those numbered after seq, in order.
func (s *Store) Revocations(ctx context.Context, seq int64) ([]Revocation, error) {
	var list []Revocation
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var r Revocation
		var until int64
		if err := rows.Scan(&r.Seq, &r.Kind, &r.Key, &r.Epoch, &r.KeepGrant, &until); err != nil {
			return err
		}
		r.Until = fromMillis(until)
		list = append(list, r)
		return nil
	}, `SELECT seq, kind, key, epoch, keep_grant, until FROM revocations WHERE seq > $1 ORDER BY seq`, seq)
	return list, err
}

// Revocation returns the one of that kind and key, or [ErrNotFound].
func (s *Store) Revocation(ctx context.Context, kind Kind, key string) (Revocation, error) {
	r := Revocation{Kind: kind, Key: key}
	var until int64
	err := s.read.one(ctx, []any{&r.Seq, &r.Epoch, &r.KeepGrant, &until},
		`SELECT seq, epoch, keep_grant, until FROM revocations WHERE kind = $1 AND key = $2`, kind, key)
	r.Until = fromMillis(until)
	return r, err
}

// Names of settings.
const (
	settingRevocations    = "revocations"
	settingSigningKeys    = "signing_keys" // counts changes of the keys and of the audiences they sign for
	settingDirectory      = "directory"    // counts changes of users and clients that others may have read
	settingAccessTokenTTL = "access_token_ttl"
	settingOldestSchema   = "oldest_schema" // set by migrations alone
)

// bump raises a counter by one and returns it.
func bump(ctx context.Context, q querier, name string) (n int64, err error) {
	err = q.one(ctx, []any{&n}, `UPDATE settings SET value = value + 1 WHERE name = $1 RETURNING value`, name)
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", name, err)
	}
	return n, nil
}

func setting(ctx context.Context, q querier, name string) (n int64, err error) {
	err = q.one(ctx, []any{&n}, `SELECT value FROM settings WHERE name = $1`, name)
	if err != nil {
		return 0, fmt.Errorf("reading setting %s: %w", name, err)
	}
	return n, nil
}

func accessTokenTTL(ctx context.Context, q querier) (time.Duration, error) {
	ms, err := setting(ctx, q, settingAccessTokenTTL)
	return time.Duration(ms) * time.Millisecond, err
}

// AccessTokenTTL returns the longest lifetime that access tokens were ever given.
func (s *Store) AccessTokenTTL(ctx context.Context) (time.Duration, error) {
	return accessTokenTTL(ctx, s.read)
}

// RaiseAccessTokenTTL remembers that access tokens may live for ttl from now on.
// It must be called before the first is issued: revocations and retired keys are
// kept for the longest lifetime ever remembered, which it returns.
func (s *Store) RaiseAccessTokenTTL(ctx context.Context, ttl time.Duration) (longest time.Duration, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		if err := raiseAccessTokenTTL(ctx, q, ttl); err != nil {
			return err
		}
		longest, err = accessTokenTTL(ctx, q)
		return err
	})
	return longest, err
}

// raiseAccessTokenTTL waits for revocations that are being written. Such a one reckoned
// with the lifetime of before; were it committed later than this, a login in between
// could get a token that lives longer than what ends it is kept.
func raiseAccessTokenTTL(ctx context.Context, q querier, ttl time.Duration) error {
	if _, err := q.exec(ctx, `UPDATE settings SET value = value WHERE name = $1`, settingRevocations); err != nil {
		return err
	}
	_, err := q.exec(ctx, `UPDATE settings SET value = $1 WHERE name = $2 AND value < $1`, ttl.Milliseconds(), settingAccessTokenTTL)
	return err
}

// Changed reports whether a revocation or a change of the signing keys, audiences,
// users or clients may have been committed since the last call: by this process before now, by another one before
// now on an embedded database, and more than a second ago on a server. The first
// call reports true.
func (s *Store) Changed(ctx context.Context) (bool, error) {
	if s.closed.Load() {
		return false, ErrClosed
	}
	return s.dialect.changed(ctx)
}

// Lineage moves when the database may be another one than before, such as a standby
// that was promoted and lacks the last commits. Who follows revocations by their
// numbers has to begin anew then: the numbers it has seen may be given again.
func (s *Store) Lineage() int64 { return s.dialect.lineage() }

// FeedAge is how long ago a database server last confirmed what Changed reports. It
// is 0 for an embedded database, which is asked each time.
func (s *Store) FeedAge() time.Duration { return s.dialect.feedAge() }

// Versions say what there is to read: each grows with every change.
type Versions struct {
	Revocations int64 // number of the newest
	SigningKeys int64 // and audiences
	Directory   int64 // users and clients, but for those that are new
}

// Versions returns what there is to read now.
func (s *Store) Versions(ctx context.Context) (v Versions, err error) {
	err = s.read.one(ctx, []any{&v.Revocations, &v.SigningKeys, &v.Directory},
		`SELECT r.value, k.value, d.value FROM settings r, settings k, settings d WHERE r.name = $1 AND k.name = $2 AND d.name = $3`,
		settingRevocations, settingSigningKeys, settingDirectory)
	return v, err
}

// changedDirectory tells all nodes that a user or client is another than before.
func (s *Store) changedDirectory(ctx context.Context, q querier) error {
	if _, err := bump(ctx, q, settingDirectory); err != nil {
		return err
	}
	return s.dialect.announce(ctx, q)
}
