package storage

import (
	"context"
	"database/sql"
	"errors"
)

// direct is a querier that leaves preparing to the driver, which keeps prepared
// statements for each connection and knows when one is of no use any more.
type direct struct{ on runner }

// runner is what *sql.DB and *sql.Tx have in common.
type runner interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func (d direct) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := d.on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (d direct) one(ctx context.Context, dest []any, query string, args ...any) error {
	err := d.on.QueryRowContext(ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func (d direct) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := d.on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

// transaction is the querier of a write. It remembers whether the write concerns
// the other nodes.
type transaction struct {
	direct
	announced bool
}

// reader runs queries outside a transaction while the database is open, each
// within readLimit.
type reader struct{ d *postgresDB }

func (r reader) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = r.within(ctx, func(ctx context.Context, q direct) error {
		n, err = q.exec(ctx, query, args...)
		return err
	})
	return n, err
}

func (r reader) one(ctx context.Context, dest []any, query string, args ...any) error {
	return r.within(ctx, func(ctx context.Context, q direct) error { return q.one(ctx, dest, query, args...) })
}

func (r reader) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return r.within(ctx, func(ctx context.Context, q direct) error { return q.each(ctx, scan, query, args...) })
}

func (r reader) within(ctx context.Context, query func(context.Context, direct) error) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return r.d.use(func() error { return query(ctx, direct{r.d.pool}) })
}
