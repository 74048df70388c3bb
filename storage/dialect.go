package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// dialect is all that differs between engines.
type dialect interface {
	// reader is the pool that queries outside a transaction run on.
	reader() querier
	// write runs f in a transaction and returns once it is durable. On a server the
	// whole takes at most limit.
	write(ctx context.Context, limit time.Duration, f func(context.Context, querier) error) error
	// single runs one statement as a transaction of its own, in as few steps as the
	// engine has, and returns how many rows it changed.
	single(ctx context.Context, query string, args ...any) (int64, error)
	// returning is single, on a server, for a statement that returns a text of each row
	// it changes. With an error the texts say nothing.
	returning(ctx context.Context, query string, args ...any) ([]string, error)
	// changed reports whether another connection may have committed since the
	// last call.
	changed(ctx context.Context) (bool, error)
	// lineage moves when the database may have lost what was read from it.
	lineage() int64
	// feedAge is how long ago the server last confirmed what changed reports.
	feedAge() time.Duration
	// stats are the figures of the connections that requests share.
	stats() sql.DBStats
	// announce tells the other nodes, once the transaction of q commits, that they
	// have something to read.
	announce(ctx context.Context, q querier) error
	// now is the time that all nodes go by.
	now() time.Time
	// unique reports whether err is the violation of a unique key.
	unique(err error) bool
	// migrator returns what brings the schema up to date.
	migrator() (*goose.Provider, error)
	// backup copies the database to a new file.
	backup(ctx context.Context, file string) error
	path() string
	name() string
	close() error
}

// errURL says which databases there are.
var errURL = errors.New(`write it as sqlite:PATH or postgres://USER@HOST/DATABASE`)

// openDialect opens the database that url names; wall is this machine's clock.
func openDialect(ctx context.Context, url string, wall func() time.Time) (dialect, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok || rest == "" {
		return nil, errURL
	}
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, strings.TrimPrefix(rest, "//"))
	case "postgres", "postgresql":
		return openPostgres(ctx, url, wall)
	default:
		return nil, fmt.Errorf("unknown engine %q: %w", scheme, errURL)
	}
}
