package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/storage"
)

// userImport is `usher user import`.
type userImport struct {
	File         string `arg:"" help:"JSON array, JSON lines, a JSON object keyed by username, or what --format says; - reads standard input."`
	Format       string `enum:"json,csv,keycloak,auth0" default:"json" placeholder:"FORMAT" help:"Form of the file: json, csv with the names of columns in the first line, or an export of keycloak or auth0 (default: ${default})."`
	SkipUnusable bool   `help:"Leave out users of keycloak or auth0 who have no bcrypt hash, and name them; without it one such user fails the import."`
	Update       bool   `help:"Also change users that exist; without it one such user fails the import."`
	costFlag
	databaseFlag
	outputFlag
}

func (c *userImport) Run(ctx context.Context, w world) error {
	pool, err := c.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	imported, err := c.read(w)
	if err != nil {
		return err
	}
	return c.with(ctx, true, func(s *storage.Store) error {
		bar := newBar(w, len(imported))
		n, err := (&admin.Users{Store: s, Pool: pool}).Import(ctx, imported, c.Update, bar.set)
		bar.clear()
		if errors.Is(err, storage.ErrExists) {
			return fmt.Errorf("%w with --update (nothing was imported)", err)
		}
		if err != nil {
			return fmt.Errorf("%w (nothing was imported)", err)
		}
		w.say("users imported: %d", n)
		return c.print(w, struct {
			Imported int `json:"imported"`
		}{n}, nothing)
	})
}

// read parses the whole file before the database is touched.
func (c *userImport) read(w world) ([]admin.ImportedUser, error) {
	var r io.Reader = w.stdin
	name := "standard input"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err // names the file
		}
		defer f.Close()
		r, name = f, c.File
	}
	users, unusable, err := parseUsers(r, c.Format)
	if err == nil && len(unusable) > 0 && !c.SkipUnusable {
		err = fmt.Errorf("%w; %d of %d users are like that: --skip-unusable leaves them out", unusable[0], len(unusable), len(unusable)+len(users))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w (nothing was imported)", name, err)
	}
	for _, u := range unusable {
		w.say("left out: %v", u)
	}
	return users, nil
}

func parseUsers(r io.Reader, format string) (users []admin.ImportedUser, unusable []error, err error) {
	switch format {
	case "keycloak":
		return admin.ParseKeycloak(r)
	case "auth0":
		return admin.ParseAuth0(r)
	case "csv":
		users, err = admin.ParseUsersCSV(r)
	default:
		users, err = admin.ParseUsers(r)
	}
	return users, nil, err
}

// bar shows progress to a person; on anything but a terminal it shows nothing.
type bar struct{ *progressbar.ProgressBar }

func newBar(w world, total int) bar {
	return bar{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w.stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(w.stderr.Fd()))),
		progressbar.OptionSetDescription("importing users"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// set shows how far things are. A terminal that can't be written to is no reason
// to fail an import, so errors of the bar don't count.
func (b bar) set(done, total int) {
	if b.GetMax() != total {
		b.ChangeMax(total)
	}
	_ = b.Set(done)
}

func (b bar) clear() { _ = b.Clear() }
