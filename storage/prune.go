package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// keyMemory is how long a key that left the key set is still listed.
	keyMemory = 30 * 24 * time.Hour
	// pruneBatch is how many rows one transaction deletes: few enough that on a large
	// database whose index has to be fetched from disk it takes well under 50 ms.
	pruneBatch = 100
)

// Prune deletes up to limit rows of each kind that nothing can ask for any more:
// grants expired with all their access tokens, grants that a user's or client's revocation ended,
// revocations of expired tokens, and failures that no longer count. It returns how many rows that were, with the
// revocations it ticked off for having no grant left; fewer than limit mean that
// it is done for now. It is safe on any number of nodes at once. What a database that
// went back in time brought is found by PruneLag, once an hour.
func (s *Store) Prune(ctx context.Context, limit int) (rows int64, err error) {
	for _, step := range []struct {
		name string
		run  func(ctx context.Context, limit int64) (int64, error)
	}{
		{"expired grants", s.deleteExpired},
		{"ended grants", s.deleting(sweep)},
		{"past revocations", s.deleting(deletePastRevocations)},
		{"past signing keys", s.deleting(deletePastKeys)},
		{"forgotten failures", s.deleteLanes},
		{"budgets", s.deleting(deleteBudgets)},
	} {
		n, err := repeat(ctx, int64(limit), step.run)
		rows += n
		if err != nil {
			return rows, fmt.Errorf("pruning %s: %w", step.name, err)
		}
	}
	return rows, nil
}

// PruneLag returns how long the oldest row that Prune would delete has waited for it, as
// far as this process knows. Once an hour it looks whether there are others.
func (s *Store) PruneLag(ctx context.Context) (time.Duration, error) {
	ttl, err := s.AccessTokenTTL(ctx)
	if err != nil {
		return 0, err
	}
	now, lag := s.now(), time.Duration(0)
	grant, err := s.oldest(ctx, &s.grants, `SELECT COALESCE(MIN(expires_at), 0) FROM grants WHERE expires_at >= $1`)
	if err != nil {
		return 0, err
	}
	var revocation int64
	if err := s.read.one(ctx, []any{&revocation}, `SELECT COALESCE(MIN(until), 0) FROM revocations`); err != nil {
		return 0, err
	}
	lane, err := s.oldest(ctx, &s.lanes, `SELECT COALESCE(MIN(expires_at), 0) FROM throttle_lanes WHERE expires_at >= $1`)
	if err != nil {
		return 0, err
	}
	budget, err := oldestBudget(ctx, s.read)
	if err != nil {
		return 0, err
	}
	for _, past := range []int64{revocation, lane, budget} {
		if past > 0 {
			lag = max(lag, now.Sub(fromMillis(past)))
		}
	}
	if grant > 0 {
		lag = max(lag, now.Sub(fromMillis(grant).Add(ttl)))
	}
	return lag, nil
}

// repeat calls batch, which deletes one in a transaction of its own so that no writer
// waits long behind it, until it finds nothing or has deleted limit rows.
func repeat(ctx context.Context, limit int64, batch func(ctx context.Context, limit int64) (int64, error)) (rows int64, err error) {
	for rows < limit {
		n, err := batch(ctx, min(limit-rows, pruneBatch))
		if err != nil {
			return rows, err
		}
		if n == 0 {
			break
		}
		rows += n
	}
	return rows, nil
}

// deleteExpired deletes grants that expired an access token's lifetime ago, the oldest
// first. Not before: until then the grant's refresh token, good for nothing else, still
// logs out.
func (s *Store) deleteExpired(ctx context.Context, limit int64) (int64, error) {
	return s.deleteFrom(ctx, &s.grants, `DELETE FROM grants WHERE id IN (SELECT id FROM grants
		WHERE expires_at >= $1 AND expires_at <= $2 - (SELECT value FROM settings WHERE name = $3) ORDER BY expires_at LIMIT $4)
		RETURNING expires_at`, millis(s.past()), settingAccessTokenTTL, limit)
}

// deleting runs f in a transaction.
func (s *Store) deleting(f func(ctx context.Context, q querier, now, limit int64) (int64, error)) func(context.Context, int64) (int64, error) {
	return func(ctx context.Context, limit int64) (rows int64, err error) {
		now := millis(s.past())
		err = s.write(ctx, func(ctx context.Context, q querier) (err error) {
			rows, err = f(ctx, q, now, limit)
			return err
		})
		return rows, err
	}
}

func deletePastRevocations(ctx context.Context, q querier, now, limit int64) (int64, error) {
	return q.exec(ctx, `DELETE FROM revocations WHERE seq IN (SELECT seq FROM revocations WHERE until <= $1 AND swept = 1 ORDER BY until LIMIT $2)`, now, limit)
}

func deletePastKeys(ctx context.Context, q querier, now, _ int64) (int64, error) {
	return q.exec(ctx, `DELETE FROM signing_keys WHERE published_until > 0 AND published_until <= $1`, now-keyMemory.Milliseconds())
}

// sweep deletes grants that the oldest unswept revocation of a user or client
// ended, and ticks the revocation off once none is left. One revocation to a
// transaction: one that held a revocation's row while it waited for the next one's
// grants would be in a deadlock with those who end these.
func sweep(ctx context.Context, q querier, _, limit int64) (rows int64, err error) {
	var (
		seq        int64
		kind       Kind
		key, epoch string
	)
	err = q.one(ctx, []any{&seq, &kind, &key, &epoch},
		`SELECT seq, kind, key, epoch FROM revocations WHERE swept = 0 ORDER BY seq LIMIT 1`)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	who, of := "user_id", "user_epoch"
	if kind == KindClient {
		who, of = "client_id", "client_epoch"
	}
	// On both sides of the epoch that lives, because no index finds what differs from
	// a value, and in the index's order, so that it is what is used: a client may have
	// millions of grants that live.
	for _, side := range []string{"<", ">"} {
		n, err := q.exec(ctx, `DELETE FROM grants WHERE id IN (SELECT id FROM grants
			WHERE `+who+` = $1 AND `+of+` `+side+` $2 ORDER BY `+of+` LIMIT $3)`, key, epoch, limit-rows)
		rows += n
		if err != nil || rows == limit {
			return rows, err
		}
	}
	ticked, err := q.exec(ctx, `UPDATE revocations SET swept = 1 WHERE seq = $1`, seq)
	return rows + ticked, err
}

// Backup writes a consistent copy of an embedded database to a new file while
// others read and write. The file appears under its name once it is whole and on
// disk.
func (s *Store) Backup(ctx context.Context, file string) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := s.dialect.backup(ctx, file); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return nil
}
