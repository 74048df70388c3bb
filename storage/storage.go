package storage

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrNotFound says that no row answers to the name or id.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("already exists")
	// ErrConflict says that another writer was first; read again and decide anew.
	ErrConflict = errors.New("changed by another writer")
	// ErrUnavailable says that the database server can't be reached or can't take
	// work now. What was asked may work in a moment.
	ErrUnavailable = errors.New("database is unavailable")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("database is closed")
	// ErrSchema says that the database needs migrating and Options.Migrate was false.
	ErrSchema = errors.New("database schema is not up to date: run usher migrate")
	// ErrNewer says that a newer program changed the database beyond what this one
	// understands.
	ErrNewer = errors.New("database was made by a newer usher: run that one or a later one")
)

// Options say how to open a database.
type Options struct {
	// Migrate brings the schema up to date first.
	Migrate bool
	// Now is the clock; where nil, the database server's, or this machine's for an
	// embedded database.
	Now func() time.Time
	// Trace is told of each statement, and returns what is to be called at its end. Nil
	// traces nothing.
	Trace func(ctx context.Context, statement string) (context.Context, func(error))

	wall func() time.Time // of a test: this machine's clock
}

// Store is one database, safe for concurrent use.
type Store struct {
	dialect dialect
	read    querier
	now     func() time.Time
	past    func() time.Time
	charges chan struct{} // see Charge

	grants, lanes frontier // of the tables

	// Nil for an embedded database, which is no way away.
	sessions  *gathered[presentation, Session]
	rotations *gathered[rotation, rotated]
	closed    atomic.Bool
	close     func() error
}

// Open opens the database that url names ("sqlite:usher.db"), making an embedded
// one that does not exist. It returns [ErrSchema] for a database of an older
// schema unless o.Migrate is set, and [ErrNewer] for one that is too new.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.wall == nil {
		o.wall = time.Now
	}
	d, err := openDialect(ctx, url, o.wall)
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", shown(url), err)
	}
	if o.Trace != nil {
		d = traced{d, o.Trace}
	}
	past := o.Now
	if o.Now == nil {
		o.Now = d.now
		var clock steady
		past = func() time.Time { return clock.past(d.now(), time.Now()) }
		past()
	}
	s := &Store{dialect: d, read: d.reader(), now: o.Now, past: past, charges: make(chan struct{}, maxCharges)}
	if s.Path() == "" {
		s.sessions = &gathered[presentation, Session]{ask: s.sessionsTogether}
		s.rotations = &gathered[rotation, rotated]{ask: s.rotateTogether}
	}
	s.close = sync.OnceValue(func() error {
		s.closed.Store(true)
		return s.dialect.close()
	})
	if err := s.ready(ctx, o.Migrate); err != nil {
		return nil, errors.Join(fmt.Errorf("opening database %s: %w", shown(url), err), s.Close())
	}
	return s, nil
}

// shown is a database's URL as it may be shown: that of a server may hold a
// password.
func shown(url string) string {
	scheme, _, _ := strings.Cut(url, ":")
	if scheme == "sqlite" {
		return url
	}
	return scheme
}

func (s *Store) ready(ctx context.Context, migrate bool) error {
	if migrate {
		if _, _, err := s.Migrate(ctx); err != nil {
			return err
		}
		return s.understood(ctx)
	}
	pending, err := s.Pending(ctx)
	if err != nil {
		return err
	}
	if pending {
		return ErrSchema
	}
	return s.understood(ctx)
}

// Close ends running writes and closes the database. Every method returns
// [ErrClosed] afterwards; closing it again does nothing.
func (s *Store) Close() error { return s.close() }

// Now is the time that all nodes on the database go by: a server's clock, or
// this machine's for an embedded database.
func (s *Store) Now() time.Time { return s.now() }

// Past is a time that is past by all that is known. It follows Now, but slowly where
// that leaps forward: what it makes forget must not be missed when the clock is put
// back.
func (s *Store) Past() time.Time { return s.past() }

// Path is the file of an embedded database, empty for a database server.
func (s *Store) Path() string { return s.dialect.path() }

// Name says which database it is, without anything secret.
func (s *Store) Name() string { return s.dialect.name() }

// Connections returns the figures of the connections that requests share.
func (s *Store) Connections() sql.DBStats { return s.dialect.stats() }

// writeLimit is how long a transaction may take on a database server. It ends
// what hangs when the way to the server breaks without a word.
const writeLimit = 10 * time.Second

// write runs f in a transaction that is durable when write returns nil. f may
// run more than once, and only through q may it touch the database.
func (s *Store) write(ctx context.Context, f func(ctx context.Context, q querier) error) error {
	return s.dialect.write(ctx, writeLimit, f)
}

// querier is what queries run on: the readers, or one transaction.
type querier interface {
	// exec returns how many rows changed.
	exec(ctx context.Context, query string, args ...any) (int64, error)
	// one scans the single row of query into dest, or returns ErrNotFound.
	one(ctx context.Context, dest []any, query string, args ...any) error
	// each calls scan for every row.
	each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error
}

// must is the affected-rows check of a statement that has to hit one row.
func must(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// NewID returns a random id of 120 bits, 20 characters of base64url.
func NewID() string { return random(15) }

// NewGrantID returns an id of 20 characters for a grant of now: eight hexadecimal digits
// of its second, Unix time, and 72 random bits in base64url. So grants that begin
// together are together in the index, which takes them and, when they expire together,
// gives them up page by page, however large it is.
func NewGrantID(now time.Time) string { return fmt.Sprintf("%08x", uint32(now.Unix())) + random(9) }

// NewEpoch returns a random epoch of 48 bits, 8 characters of base64url.
func NewEpoch() string { return random(6) }

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand crashes the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// millis is how times are stored: Unix milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// truth is how booleans are stored, for engines disagree about the type.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func joined(list []string) string { return strings.Join(list, " ") }

// split undoes joined. It returns no nil, which JSON would show as null, and
// parts at spaces alone, for a name may hold other white space.
func split(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, " ")
}
