package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// list is a flag or argument of several words, separated by spaces or commas.
// It is nil where it was not given and empty where it was given without a word.
type list []string

// Decode is called by kong; a flag that repeats adds to the list.
func (l *list) Decode(ctx *kong.DecodeContext) error {
	var s string
	if err := ctx.Scan.PopValueInto("list", &s); err != nil {
		return err
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	*l = append(append(list{}, *l...), words...)
	return nil
}

// scopes reads the list as scopes; name is what the command line calls it.
func (l list) scopes(name string) ([]string, error) {
	scopes, err := scope.ParseList(strings.Join(l, " "))
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	if l != nil && scopes == nil {
		scopes = []string{} // given, and empty
	}
	return scopes, nil
}

// databaseFlag names the database a command works on.
type databaseFlag struct {
	Database string `default:"sqlite:usher.db" placeholder:"URL" help:"Database, written sqlite:PATH or postgres://USER@HOST/NAME (default: ${default})."`
	asIs     bool   // leave the schema as it is
	trace    func(context.Context, string) (context.Context, func(error))
}

// open opens the database. Only commands that add something may create it: a
// list of nothing would hide that the command ran in the wrong folder.
func (f databaseFlag) open(ctx context.Context, create bool) (*storage.Store, error) {
	if err := f.check(create); err != nil {
		return nil, err
	}
	return storage.Open(ctx, f.Database, storage.Options{Migrate: !f.asIs, Trace: f.trace})
}

// check tells whether the database can be opened, as far as that shows from outside.
func (f databaseFlag) check(create bool) error {
	if err := checkDatabase(f.Database); err != nil {
		return err
	}
	path := databasePath(f.Database)
	if create || path == "" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s: name it with --database, or make it by running usher serve or adding a user or client", path)
	}
	return nil
}

// with is use for a command that works on a database and nowhere else.
func (f databaseFlag) with(ctx context.Context, create bool, do func(*storage.Store) error) error {
	// Whoever set the variable would not expect the database beside it to change.
	if os.Getenv("USHER_SERVER") != "" {
		return errors.New("this command works on the database itself, and USHER_SERVER names a server: unset it, and run the command where the database is")
	}
	return f.use(ctx, create, do)
}

// use calls do with the open database and closes it.
func (f databaseFlag) use(ctx context.Context, create bool, do func(*storage.Store) error) (err error) {
	store, err := f.open(ctx, create)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

// checkDatabase refuses what names no database. It does not repeat what it was
// given: the URL of a database server may hold a password.
func checkDatabase(url string) error {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case !ok || rest == "":
		return usagef("--database: write it as sqlite:PATH, such as sqlite:usher.db, or as postgres://USER@HOST/NAME")
	case scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql":
		return usagef("--database: there is no engine %q, only sqlite: and postgres:", scheme)
	}
	return nil
}

// databasePath returns the file of an embedded database, and nothing for a server.
func databasePath(url string) string {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(path, "//")
}

// costFlag is the bcrypt cost of new password hashes.
type costFlag struct {
	BcryptCost int `default:"12" placeholder:"N" help:"Cost of new password hashes, 4 to 15; one more doubles the work (default: ${default})."`
}

func (f costFlag) check() error {
	if err := credentials.CheckCost(f.BcryptCost); err != nil {
		return fmt.Errorf("--bcrypt-cost: %w", err)
	}
	return nil
}

// pool returns what hashes passwords at that cost. The caller closes it.
func (f costFlag) pool() (*credentials.Pool, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return credentials.NewPool(credentials.PoolConfig{Cost: f.BcryptCost}), nil
}
