package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// prepared is a querier that prepares each text once and keeps it. The texts are
// constants of this package, so the cache is bounded by their number.
type prepared struct {
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.RWMutex
	stmts   map[string]*sql.Stmt // nil once closed
}

func newPrepared(prepare func(context.Context, string) (*sql.Stmt, error)) *prepared {
	return &prepared{prepare: prepare, stmts: make(map[string]*sql.Stmt)}
}

func (p *prepared) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	st := p.stmts[query]
	p.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stmts == nil {
		return nil, ErrClosed
	}
	if st := p.stmts[query]; st != nil {
		return st, nil
	}
	st, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	p.stmts[query] = st
	return st, nil
}

func (p *prepared) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range p.stmts {
		st.Close() // the connection beneath is closed next, and says so if it can't be
	}
	p.stmts = nil
}

func (p *prepared) exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := p.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p *prepared) one(ctx context.Context, dest []any, query string, args ...any) error {
	st, err := p.stmt(ctx, query)
	if err != nil {
		return err
	}
	err = st.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func (p *prepared) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	st, err := p.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

func eachRow(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
	}
	return rows.Err()
}
