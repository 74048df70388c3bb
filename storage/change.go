package storage

import "context"

// ChangeUser lets change make another of the user as it is stored, and stores that,
// in one transaction: of two changes at once neither undoes what only the other one
// touched. Email, FullName, Scopes and Disabled are stored, all else is left alone. A
// user who is disabled by it loses all sessions and tokens, as by
// [Store.EndUserSessions]; what that ended stays ended for one who is enabled again.
// change may be called more than once; its error ends the transaction and is returned.
func (s *Store) ChangeUser(ctx context.Context, username string, change func(*User) error) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		// First, so that the row is locked when it is read.
		if err := must(q.exec(ctx, `UPDATE users SET username = username WHERE username = $1`, username)); err != nil {
			return err
		}
		u, err := userByName(ctx, q, username)
		if err != nil {
			return err
		}
		id, was := u.ID, u.Disabled
		if err := change(&u); err != nil {
			return err
		}
		err = must(q.exec(ctx, `UPDATE users SET email = $1, full_name = $2, scopes = $3, disabled = $4 WHERE id = $5`,
			u.Email, u.FullName, joined(u.Scopes), truth(u.Disabled), id))
		if err != nil {
			return err
		}
		if u.Disabled && !was {
			return s.endUser(ctx, q, id, "")
		}
		return s.changedDirectory(ctx, q)
	})
}

// ChangeClient is ChangeUser for clients: Name, Grants, Scopes, DefaultScopes,
// Audiences, Introspect and Disabled are stored.
func (s *Store) ChangeClient(ctx context.Context, id string, change func(*Client) error) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := must(q.exec(ctx, `UPDATE clients SET id = id WHERE id = $1`, id)); err != nil {
			return err
		}
		var r clientRow
		if err := q.one(ctx, r.dest(), `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id); err != nil {
			return err
		}
		c := r.client()
		was := c.Disabled
		if err := change(&c); err != nil {
			return err
		}
		err := must(q.exec(ctx, `UPDATE clients SET name = $1, grants = $2, scopes = $3, default_scopes = $4, audiences = $5, introspect = $6, disabled = $7 WHERE id = $8`,
			c.Name, joined(c.Grants), joined(c.Scopes), joined(c.DefaultScopes), joined(c.Audiences), truth(c.Introspect), truth(c.Disabled), id))
		if err != nil {
			return err
		}
		if c.Disabled && !was {
			return s.endClient(ctx, q, id)
		}
		return s.changedDirectory(ctx, q)
	})
}
