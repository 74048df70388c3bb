package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// User is a resource owner.
type User struct {
	ID           string // a token's sub; random, never reused
	Username     string // canonical; taken once
	Email        string
	FullName     string
	PasswordHash string // bcrypt; empty where no password works
	PasswordCost int    // bcrypt cost of PasswordHash
	Scopes       []string
	Disabled     bool
	Epoch        string // see the package's Epochs
	CreatedAt    time.Time
}

const userColumns = `id, username, email, full_name, password_hash, password_cost, scopes, disabled, epoch, created_at`

// userRow scans userColumns.
type userRow struct {
	u       User
	scopes  string
	created int64
}

func (r *userRow) dest() []any {
	u := &r.u
	return []any{&u.ID, &u.Username, &u.Email, &u.FullName, &u.PasswordHash, &u.PasswordCost, &r.scopes, &u.Disabled, &u.Epoch, &r.created}
}

func (r *userRow) user() User {
	r.u.Scopes = split(r.scopes)
	r.u.CreatedAt = fromMillis(r.created)
	return r.u
}

// CreateUser adds u, giving it an id, an epoch and a creation time where they are
// empty. It returns [ErrExists] for a taken name.
func (s *Store) CreateUser(ctx context.Context, u User) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		return s.insertUser(ctx, q, u)
	})
}

func (s *Store) insertUser(ctx context.Context, q querier, u User) error {
	if u.ID == "" {
		u.ID = NewID()
	}
	if u.Epoch == "" {
		u.Epoch = NewEpoch()
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = s.now()
	}
	_, err := q.exec(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		u.ID, u.Username, u.Email, u.FullName, u.PasswordHash, u.PasswordCost, joined(u.Scopes), truth(u.Disabled), u.Epoch, millis(u.CreatedAt))
	if s.dialect.unique(err) {
		return ErrExists
	}
	return err
}

// User returns the user of that id, or [ErrNotFound].
func (s *Store) User(ctx context.Context, id string) (User, error) {
	var r userRow
	err := s.read.one(ctx, r.dest(), `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
	return r.user(), err
}

// UserByName returns the user of that canonical name, or [ErrNotFound].
func (s *Store) UserByName(ctx context.Context, username string) (User, error) {
	return userByName(ctx, s.read, username)
}

func userByName(ctx context.Context, q querier, username string) (User, error) {
	var r userRow
	err := q.one(ctx, r.dest(), `SELECT `+userColumns+` FROM users WHERE username = $1`, username)
	return r.user(), err
}

// Users returns all users, by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	users, err := s.users(ctx, ``)
	// Here, because engines order text differently.
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Username, b.Username) })
	return users, err
}

// users returns those that the rest of a query selects, in its order.
func (s *Store) users(ctx context.Context, rest string, args ...any) (users []User, err error) {
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var r userRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		users = append(users, r.user())
		return nil
	}, `SELECT `+userColumns+` FROM users`+rest, args...)
	return users, err
}

// MaxPasswordCost returns the dearest bcrypt cost of any user's hash, 0 without users.
func (s *Store) MaxPasswordCost(ctx context.Context) (int, error) {
	var cost int
	err := s.read.one(ctx, []any{&cost}, `SELECT COALESCE(MAX(password_cost), 0) FROM users`)
	return cost, err
}

// EndUserSessions ends all sessions and tokens of the user.
func (s *Store) EndUserSessions(ctx context.Context, username string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		u, err := userByName(ctx, q, username)
		if err != nil {
			return err
		}
		return s.endUser(ctx, q, u.ID, "")
	})
}

// RemoveUser deletes the user and ends all sessions and tokens of the user.
func (s *Store) RemoveUser(ctx context.Context, username string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		u, err := userByName(ctx, q, username)
		if err != nil {
			return err
		}
		if err := must(q.exec(ctx, `DELETE FROM users WHERE id = $1`, u.ID)); err != nil {
			return err
		}
		// Where somebody logged in from is nobody's business any more.
		if _, err := q.exec(ctx, `DELETE FROM throttle_lanes WHERE account = $1`, u.ID); err != nil {
			return err
		}
		// No epoch is empty, so nothing of the user lives.
		return s.revoke(ctx, q, Revocation{Kind: KindUser, Key: u.ID})
	})
}

// SetPassword replaces the password's hash and ends all sessions and tokens of
// the user, but those of keepGrant where it is a living grant of the user. Unless
// oldHash is empty it must be the hash of now, or the error is [ErrConflict]:
// whoever proved to know the password before last may not change the last one.
func (s *Store) SetPassword(ctx context.Context, userID, oldHash, hash string, cost int, keepGrant string) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, `UPDATE users SET password_hash = $1, password_cost = $2 WHERE id = $3 AND ($4 = '' OR password_hash = $4)`,
			hash, cost, userID, oldHash)
		if err != nil {
			return err
		}
		if n == 0 {
			var id string
			if err := q.one(ctx, []any{&id}, `SELECT id FROM users WHERE id = $1`, userID); err != nil {
				return err
			}
			return ErrConflict
		}
		return s.endUser(ctx, q, userID, keepGrant)
	})
}

// RenewPassword replaces oldHash by a hash of the same password; sessions live
// on. It changes nothing when the hash is another by now.
func (s *Store) RenewPassword(ctx context.Context, userID, oldHash, hash string, cost int) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, `UPDATE users SET password_hash = $1, password_cost = $2 WHERE id = $3 AND password_hash = $4`,
			hash, cost, userID, oldHash)
		return err
	})
}

// endUser gives the user a new epoch and tells all nodes.
func (s *Store) endUser(ctx context.Context, q querier, id, keepGrant string) error {
	epoch := NewEpoch()
	if keepGrant != "" {
		// Under the user's epoch, for what another event ended meanwhile stays dead.
		n, err := q.exec(ctx, `UPDATE grants SET user_epoch = $1 WHERE id = $2 AND user_id = $3
			AND user_epoch = (SELECT epoch FROM users WHERE id = $3)`, epoch, keepGrant, id)
		if err != nil {
			return err
		}
		if n == 0 {
			keepGrant = ""
		}
	}
	if err := must(q.exec(ctx, `UPDATE users SET epoch = $1 WHERE id = $2`, epoch, id)); err != nil {
		return err
	}
	return s.revoke(ctx, q, Revocation{Kind: KindUser, Key: id, Epoch: epoch, KeepGrant: keepGrant})
}

// ImportError is why an import was refused, and at which user.
type ImportError struct {
	Index int // into the imported list
	Err   error
}

func (e *ImportError) Error() string { return fmt.Sprintf("user %d: %v", e.Index, e.Err) }

// Unwrap returns the cause.
func (e *ImportError) Unwrap() error { return e.Err }

// importLimit is how long the import of millions may take on a database server.
const importLimit = time.Hour

// ImportUsers adds all users or none. With update it replaces what differs of
// those that exist already, and a new password or disabling ends their sessions;
// without, an existing one is an [ImportError] of [ErrExists]. done, which may be
// nil, is called with the number of users written so far.
func (s *Store) ImportUsers(ctx context.Context, users []User, update bool, done func(int)) error {
	return s.dialect.write(ctx, importLimit, func(ctx context.Context, q querier) error {
		for i, u := range users {
			err := s.importUser(ctx, q, u, update)
			if err != nil {
				return &ImportError{Index: i, Err: err}
			}
			if done != nil {
				done(i + 1)
			}
		}
		if !update {
			return nil // nobody can have read users that are new
		}
		return s.changedDirectory(ctx, q)
	})
}

func (s *Store) importUser(ctx context.Context, q querier, u User, update bool) error {
	if !update {
		return s.insertUser(ctx, q, u)
	}
	old, err := userByName(ctx, q, u.Username)
	if errors.Is(err, ErrNotFound) {
		return s.insertUser(ctx, q, u)
	}
	if err != nil {
		return err
	}
	err = must(q.exec(ctx, `UPDATE users SET email = $1, full_name = $2, password_hash = $3, password_cost = $4, scopes = $5, disabled = $6 WHERE id = $7`,
		u.Email, u.FullName, u.PasswordHash, u.PasswordCost, joined(u.Scopes), truth(u.Disabled), old.ID))
	if err != nil || (u.PasswordHash == old.PasswordHash && (old.Disabled || !u.Disabled)) {
		return err
	}
	return s.endUser(ctx, q, old.ID, "")
}
