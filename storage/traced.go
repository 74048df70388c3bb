package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// traced is a database whose statements are told to whoever traces them.
type traced struct {
	dialect
	begin func(ctx context.Context, statement string) (context.Context, func(error))
}

// span runs f as the part of a trace that statement is.
func (t traced) span(ctx context.Context, statement string, f func(context.Context) error) error {
	ctx, end := t.begin(ctx, statement)
	err := f(ctx)
	if errors.Is(err, ErrNotFound) {
		end(nil) // an answer like any other
	} else {
		end(err)
	}
	return err
}

func (t traced) reader() querier { return tracedQuerier{t.dialect.reader(), t} }

func (t traced) write(ctx context.Context, limit time.Duration, f func(context.Context, querier) error) error {
	return t.span(ctx, "TRANSACTION", func(ctx context.Context) error {
		return t.dialect.write(ctx, limit, func(ctx context.Context, q querier) error {
			return f(ctx, tracedQuerier{q, t})
		})
	})
}

func (t traced) single(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = t.span(ctx, query, func(ctx context.Context) error {
		n, err = t.dialect.single(ctx, query, args...)
		return err
	})
	return n, err
}

func (t traced) returning(ctx context.Context, query string, args ...any) (texts []string, err error) {
	err = t.span(ctx, query, func(ctx context.Context) error {
		texts, err = t.dialect.returning(ctx, query, args...)
		return err
	})
	return texts, err
}

func (t traced) announce(ctx context.Context, q querier) error {
	if inner, ok := q.(tracedQuerier); ok {
		q = inner.querier
	}
	return t.dialect.announce(ctx, q)
}

// tracedQuerier tells of each statement.
type tracedQuerier struct {
	querier
	traced traced
}

func (q tracedQuerier) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = q.traced.span(ctx, query, func(ctx context.Context) error {
		n, err = q.querier.exec(ctx, query, args...)
		return err
	})
	return n, err
}

func (q tracedQuerier) one(ctx context.Context, dest []any, query string, args ...any) error {
	return q.traced.span(ctx, query, func(ctx context.Context) error { return q.querier.one(ctx, dest, query, args...) })
}

func (q tracedQuerier) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return q.traced.span(ctx, query, func(ctx context.Context) error { return q.querier.each(ctx, scan, query, args...) })
}
