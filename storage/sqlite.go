package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteDB is an embedded database: one connection writes, a few read, one
// watches for commits of others, this process's writer among them.
type sqliteDB struct {
	file     string // as it was named
	dsn      string
	readers  *sql.DB
	prepared *prepared // on readers
	writers  *sql.DB
	group    *groupWriter

	index   *walIndex // nil where it can't be read: then watch is asked
	watchMu sync.Mutex
	watcher *sql.Conn
	watch   *sql.Stmt
	version int64
}

var _ dialect = (*sqliteDB)(nil)

func openSQLite(ctx context.Context, file string) (*sqliteDB, error) {
	if err := private(file); err != nil {
		return nil, err
	}
	// A whole path, for SQLite gives ":memory:" a meaning of its own.
	whole, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	d := &sqliteDB{file: file, dsn: "file:" + (&url.URL{Path: whole}).EscapedPath()}
	err = noFolder(file, d.open(ctx))
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *sqliteDB) open(ctx context.Context) (err error) {
	if d.writers, err = d.connections(1, "_txlock=immediate"); err != nil {
		return err
	}
	conn, err := d.firstConn(ctx)
	if err != nil {
		return err
	}
	d.group = newGroupWriter(conn)

	// One more, for the watcher holds one for good.
	if d.readers, err = d.connections(2*runtime.NumCPU()+1, "_pragma=query_only(1)"); err != nil {
		return err
	}
	d.prepared = newPrepared(d.readers.PrepareContext)
	if d.watcher, err = d.readers.Conn(ctx); err != nil {
		return err
	}
	if d.watch, err = d.watcher.PrepareContext(ctx, `PRAGMA data_version`); err != nil {
		return err
	}
	// A read makes the wal-index, where nobody has written yet.
	var tables int
	if err := d.watcher.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if index, err := openWalIndex(d.file); err == nil {
		d.index = index
	}
	return nil
}

// firstConn opens the connection that turns a new file's journal into a
// write-ahead log. SQLite does not wait for others that do the same but reports
// the database locked, so the wait is here.
func (d *sqliteDB) firstConn(ctx context.Context) (*sql.Conn, error) {
	const wait, pause = 30 * time.Second, 5 * time.Millisecond
	for start := time.Now(); ; {
		conn, err := d.writers.Conn(ctx)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY || time.Since(start) > wait {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// connections opens a pool of at most n, which keeps them all: to open one costs
// more than most queries.
func (d *sqliteDB) connections(n int, option string) (*sql.DB, error) {
	// FULL: an acknowledged revocation outlives a power cut. A busy writer of
	// another process (the command line, a long import) is waited for.
	const pragmas = "_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", d.dsn+"?"+pragmas+"&"+option)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// private makes the database file readable by its owner alone: it holds
// password hashes. SQLite gives its journal files the same mode.
func private(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return noFolder(file, err)
	}
	return f.Close()
}

// noFolder names what is missing when a file can't be made.
func noFolder(file string, err error) error {
	var e *sqlite.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("folder %s does not exist: make it first", filepath.Dir(file))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run usher as the account that owns the file", err)
	case errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CANTOPEN || e.Code()&0xff == sqlite3.SQLITE_READONLY):
		return fmt.Errorf("%w: this account must be able to write the folder %s, and the files %s-wal and %[3]s-shm there", err, filepath.Dir(file), filepath.Base(file))
	}
	return err
}

func (d *sqliteDB) reader() querier { return d.prepared }

func (d *sqliteDB) write(ctx context.Context, _ time.Duration, f func(context.Context, querier) error) error {
	return d.group.do(ctx, f)
}

func (d *sqliteDB) single(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = d.group.do(ctx, func(ctx context.Context, q querier) (err error) {
		n, err = q.exec(ctx, query, args...)
		return err
	})
	return n, err
}

// returning is for the statements that callers share, and those of an embedded database
// share a commit instead.
func (d *sqliteDB) returning(context.Context, string, ...any) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// changed looks at what moves with each commit of another connection, whichever
// process it is in: the wal-index, or else SQLite's own counter.
func (d *sqliteDB) changed(ctx context.Context) (bool, error) {
	if d.index != nil {
		return d.index.changed(), nil
	}
	d.watchMu.Lock()
	defer d.watchMu.Unlock()
	var v int64
	if err := d.watch.QueryRowContext(context.WithoutCancel(ctx)).Scan(&v); err != nil {
		return false, fmt.Errorf("reading data_version: %w", err)
	}
	moved := v != d.version
	d.version = v
	return moved, nil
}

// feedAge is nothing: changed asks each time.
func (d *sqliteDB) feedAge() time.Duration { return 0 }

func (d *sqliteDB) stats() sql.DBStats { return d.readers.Stats() }

// lineage never moves: there is one file.
func (d *sqliteDB) lineage() int64 { return 0 }

// announce does nothing: changed sees every commit.
func (d *sqliteDB) announce(context.Context, querier) error { return nil }

// now is this machine's time: nobody else writes to the file.
func (d *sqliteDB) now() time.Time { return time.Now() }

func (d *sqliteDB) unique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// migrator works on connections of its own, because the writer holds its only one.
func (d *sqliteDB) migrator() (*goose.Provider, error) {
	db, err := d.connections(1, "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	return newMigrator(goose.DialectSQLite3, db, goose.WithExcludeNames([]string{"0002_postgres.sql"}))
}

// backup writes a copy as of one moment, while others read and write, and gives
// it its name only once it is whole and on disk.
func (d *sqliteDB) backup(ctx context.Context, file string) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s: %w: name a new file", file, fs.ErrExist)
	}
	// A name of its own, for two may back up at once, or one be killed. The file is
	// readable by its owner alone, as the database is.
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return noFolder(file, err)
	}
	part := f.Name()
	defer func() { err = errors.Join(err, os.Remove(part)) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := d.connections(1, "_txlock=deferred") // a reader that may write: to the copy
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	// Link, not rename: it fails where another backup took the name meanwhile.
	if err := os.Link(part, file); err != nil {
		return err
	}
	return syncFile(filepath.Dir(file))
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *sqliteDB) path() string { return d.file }
func (d *sqliteDB) name() string { return d.file }

func (d *sqliteDB) close() error {
	var errs []error
	if d.group != nil {
		errs = append(errs, d.group.close())
	}
	if d.watch != nil {
		errs = append(errs, d.watch.Close())
	}
	if d.watcher != nil {
		errs = append(errs, d.watcher.Close())
	}
	if d.prepared != nil {
		d.prepared.close()
	}
	if d.readers != nil {
		errs = append(errs, d.readers.Close())
	}
	if d.writers != nil {
		errs = append(errs, d.writers.Close())
	}
	return errors.Join(errs...)
}
