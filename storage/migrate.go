package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

func newMigrator(d goose.Dialect, db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(d, db, files, options...)
}

// migrateTries is how often a migration that another process was quicker with is
// looked at again.
const migrateTries = 10

// Migrate brings the schema up to date and returns its version before and after.
// Any number of processes may do so at once; the slower ones find it done.
func (s *Store) Migrate(ctx context.Context) (from, to int64, err error) {
	err = s.migrator(func(m *goose.Provider) error {
		from, to, err = migrate(ctx, m)
		return err
	})
	return from, to, err
}

func migrate(ctx context.Context, m *goose.Provider) (from, to int64, err error) {
	if from, err = m.GetDBVersion(ctx); err != nil {
		return 0, 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	for try := 1; ; try++ {
		_, err = m.Up(ctx)
		if err == nil {
			break
		}
		pending, perr := m.HasPending(ctx)
		if perr == nil && !pending {
			break
		}
		if try == migrateTries || ctx.Err() != nil {
			return from, 0, fmt.Errorf("migrating the schema: %w", errors.Join(err, perr))
		}
	}
	to, err = m.GetDBVersion(ctx)
	return from, to, err
}

// Plan says what Migrate would do to the database that url names: the version of
// its schema, and the files of the migrations that are to come. It changes nothing,
// but makes the table of versions in a new database.
func Plan(ctx context.Context, url string) (version int64, files []string, err error) {
	d, err := openDialect(ctx, url, time.Now)
	if err != nil {
		return 0, nil, fmt.Errorf("opening database %s: %w", shown(url), err)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	m, err := d.migrator()
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	states, err := m.Status(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the schema's version: %w", err)
	}
	for _, s := range states {
		if s.State == goose.StatePending {
			files = append(files, s.Source.Path)
		} else {
			version = s.Source.Version
		}
	}
	return version, files, nil
}

// Pending reports whether the schema is older than this program.
func (s *Store) Pending(ctx context.Context) (pending bool, err error) {
	err = s.migrator(func(m *goose.Provider) error {
		pending, err = m.HasPending(ctx)
		return err
	})
	return pending, err
}

// understood returns ErrNewer for a schema that this program must not touch.
//
// A newer schema alone is no reason: a release adds what the next one needs, and
// only a later one takes away, so that nodes of two releases run side by side
// while they are exchanged. The migration that takes something away also sets
// settingOldestSchema to the version a program has to know since.
func (s *Store) understood(ctx context.Context) error {
	oldest, err := setting(ctx, s.read, settingOldestSchema)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.migrator(func(m *goose.Provider) error {
		all := m.ListSources()
		if known := all[len(all)-1].Version; known < oldest {
			return fmt.Errorf("%w: it needs one that knows schema %d, this one knows %d", ErrNewer, oldest, known)
		}
		return nil
	})
}

func (s *Store) migrator(use func(*goose.Provider) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	m, err := s.dialect.migrator()
	if err != nil {
		return err
	}
	return errors.Join(use(m), m.Close())
}
