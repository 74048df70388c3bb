package storage

import (
	"context"
	"database/sql"
	"time"
)

// SigningKey is a sealed private key and its place in the rotation schedule.
type SigningKey struct {
	ID             string // kid
	Algorithm      string
	Sealed         []byte
	ForAudiences   bool // signs for audiences that ask for its algorithm, not in general
	CreatedAt      time.Time
	SignsFrom      time.Time
	SignsUntil     time.Time // zero: until another replaces it
	PublishedUntil time.Time // zero: no end planned
}

// SigningKeys returns all keys, oldest first, and the version of the set for
// [Store.SaveSigningKeys].
func (s *Store) SigningKeys(ctx context.Context) (keys []SigningKey, version int64, err error) {
	// The version first: a change between the two reads makes it stale, which
	// costs a retry, where the other order would lose the change.
	if version, err = setting(ctx, s.read, settingSigningKeys); err != nil {
		return nil, 0, err
	}
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var k SigningKey
		var created, from, until, published int64
		if err := rows.Scan(&k.ID, &k.Algorithm, &k.Sealed, &k.ForAudiences, &created, &from, &until, &published); err != nil {
			return err
		}
		k.CreatedAt, k.SignsFrom, k.SignsUntil, k.PublishedUntil = fromMillis(created), fromMillis(from), fromMillis(until), fromMillis(published)
		keys = append(keys, k)
		return nil
	}, `SELECT id, algorithm, sealed, for_audiences, created_at, signs_from, signs_until, published_until FROM signing_keys ORDER BY created_at, id`)
	return keys, version, err
}

// SaveSigningKeys adds the new ones of keys and reschedules the others. It
// returns [ErrConflict] when the set is no longer of that version.
func (s *Store) SaveSigningKeys(ctx context.Context, version int64, keys ...SigningKey) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		return s.saveKeys(ctx, q, version, keys)
	})
}

func (s *Store) saveKeys(ctx context.Context, q querier, version int64, keys []SigningKey) error {
	n, err := q.exec(ctx, `UPDATE settings SET value = value + 1 WHERE name = $1 AND value = $2`, settingSigningKeys, version)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrConflict
	}
	for _, k := range keys {
		_, err := q.exec(ctx, `INSERT INTO signing_keys (id, algorithm, sealed, for_audiences, created_at, signs_from, signs_until, published_until)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, signs_from = excluded.signs_from,
				signs_until = excluded.signs_until, published_until = excluded.published_until`,
			k.ID, k.Algorithm, k.Sealed, truth(k.ForAudiences), millis(k.CreatedAt), millis(k.SignsFrom), millis(k.SignsUntil), millis(k.PublishedUntil))
		if err != nil {
			return err
		}
	}
	return s.dialect.announce(ctx, q)
}
