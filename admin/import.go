package admin

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Import adds all users or none, and returns how many there were. One that
// exists already is replaced where update is set, and an error that wraps
// [storage.ErrExists] otherwise. Plain passwords are hashed first, which takes
// nearly all the time; progress, which may be nil, is told the steps done,
// never two at once.
func (u *Users) Import(ctx context.Context, users []ImportedUser, update bool, progress func(done, total int)) (int, error) {
	rows := make([]storage.User, len(users))
	var plain []int // indexes of users with a password to hash
	for i, user := range users {
		if err := user.check(); err != nil {
			return 0, offender(user.from, user.Username, err)
		}
		rows[i] = user.row()
		if user.Password != "" {
			plain = append(plain, i)
		}
	}
	total := len(plain) + len(rows)
	report := func(done int) {
		if progress != nil {
			progress(done, total)
		}
	}
	if len(plain) > 0 && !update {
		if err := u.checkAbsent(ctx, users, rows); err != nil {
			return 0, err
		}
	}
	if err := u.hashAll(ctx, users, rows, plain, report); err != nil {
		return 0, err
	}
	err := u.Store.ImportUsers(ctx, rows, update, func(done int) { report(len(plain) + done) })
	var at *storage.ImportError
	switch {
	case errors.Is(err, storage.ErrExists) && errors.As(err, &at):
		return 0, exists(users[at.Index], rows[at.Index])
	case err != nil:
		return 0, fmt.Errorf("importing users: %w", err)
	}
	return len(rows), nil
}

// row is the user as it is stored, without the hash of a plain password.
func (u *ImportedUser) row() storage.User {
	cost, _ := credentials.ParseHash(u.HashedPassword) // checked before; 0 where there is none
	return storage.User{
		Username:     u.Username,
		Email:        u.Email,
		FullName:     u.FullName,
		Disabled:     u.Disabled,
		Scopes:       defaultScopes(u.Scopes),
		PasswordHash: u.HashedPassword,
		PasswordCost: cost,
	}
}

// checkAbsent spares an operator the hours of hashing before the refusal.
func (u *Users) checkAbsent(ctx context.Context, users []ImportedUser, rows []storage.User) error {
	for i, row := range rows {
		_, err := u.Store.UserByName(ctx, row.Username)
		if err == nil {
			return exists(users[i], row)
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return about("reading", "user", row.Username, err)
		}
	}
	return nil
}

// hashAll hashes the passwords of the users that plain lists. No more are in
// flight than the pool has workers, so it is never busy on our account.
func (u *Users) hashAll(ctx context.Context, users []ImportedUser, rows []storage.User, plain []int, report func(int)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(u.Pool.Workers())
	var mu sync.Mutex
	done := 0
	for _, i := range plain {
		g.Go(func() error {
			hash, err := u.Pool.Hash(ctx, users[i].Password)
			if err != nil {
				return fmt.Errorf("hashing passwords: %w", err)
			}
			rows[i].PasswordHash, rows[i].PasswordCost = hash, u.Pool.Cost()
			mu.Lock()
			defer mu.Unlock()
			done++
			report(done)
			return nil
		})
	}
	return g.Wait()
}

// exists says which user there is already, and what to do.
func exists(user ImportedUser, row storage.User) error {
	return offender(user.from, row.Username,
		refuse(storage.ErrExists, "already exists: leave it out, or update existing users"))
}
