package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is all that differs between engines.
type dialect interface {
	// reader is the pool that queries outside a transaction run on.
	reader() *prepared
	// write runs f in a transaction and returns once it is durable.
	write(ctx context.Context, f func(context.Context, querier) error) error
	// changed reports whether another connection may have committed since the
	// last call.
	changed(ctx context.Context) (bool, error)
	// unique reports whether err is the violation of a unique key.
	unique(err error) bool
	// migrator returns what brings the schema up to date.
	migrator() (*goose.Provider, error)
	// backup copies the database to a new file.
	backup(ctx context.Context, file string) error
	path() string
	close() error
}

// errURL says which databases there are.
var errURL = errors.New(`the database is named as sqlite:PATH`)

func openDialect(ctx context.Context, url string) (dialect, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok || rest == "" {
		return nil, errURL
	}
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, strings.TrimPrefix(rest, "//"))
	default:
		return nil, fmt.Errorf("unknown engine %q: %w", scheme, errURL)
	}
}
