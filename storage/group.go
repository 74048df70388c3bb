package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// maxGroup bounds how many writes share a commit, and with it how long the first
// of them waits.
const maxGroup = 128

// groupWriter runs all writes on one connection and commits together those that
// wait together: a commit costs one fsync however many share it, so the busier
// the database, the cheaper each write.
type groupWriter struct {
	conn  *sql.Conn
	stmts *prepared // on conn
	q     querier   // stmts
	jobs  chan *job

	closing sync.Once
	quit    chan struct{} // closed by close
	stopped chan struct{} // closed when the goroutine is gone
}

type job struct {
	ctx   context.Context
	f     func(context.Context, querier) error
	taken atomic.Bool // by the writer, which will run it, or by the caller, who left
	err   error
	done  chan struct{}
}

func newGroupWriter(conn *sql.Conn) *groupWriter {
	stmts := newPrepared(conn.PrepareContext)
	w := &groupWriter{
		conn:    conn,
		stmts:   stmts,
		q:       stmts,
		jobs:    make(chan *job, maxGroup),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	go w.run()
	return w
}

// do returns once f's changes are on disk, or f's error. A caller whose ctx ends
// before f's turn leaves at once and f is never run; after that do waits for the
// outcome, which is not far. So an error of ctx means that nothing was written,
// and f does not touch its caller's variables once do has returned.
func (w *groupWriter) do(ctx context.Context, f func(context.Context, querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, f: f, done: make(chan struct{})}
	select {
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case w.jobs <- j:
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-j.done
		return j.err
	case <-w.stopped:
		select {
		case <-j.done: // it was among the last
			return j.err
		default:
			return ErrClosed
		}
	}
}

func (w *groupWriter) run() {
	defer close(w.stopped)
	for {
		select {
		case j := <-w.jobs:
			w.commit(w.gather(j))
		case <-w.quit:
			for {
				select {
				case j := <-w.jobs:
					w.commit(w.gather(j))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits already; it never waits for more.
func (w *groupWriter) gather(first *job) []*job {
	group := []*job{first}
	for len(group) < maxGroup {
		select {
		case j := <-w.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

func (w *groupWriter) commit(group []*job) {
	defer func() {
		for _, j := range group {
			close(j.done)
		}
	}()
	if err := w.transaction(group); err != nil {
		// For all, because one may have failed over what another wrote, such as a
		// taken name, and that did not happen either.
		for _, j := range group {
			j.err = err
		}
	}
}

// transaction runs the jobs, each in a savepoint of its own so that one's error
// undoes that one alone. An error of transaction itself means that nothing of
// the group happened.
//
// A job's context can't end its statements: SQLite rolls the whole transaction
// back when one in it is interrupted.
func (w *groupWriter) transaction(group []*job) error {
	ctx := context.Background()
	if err := w.begin(ctx); err != nil {
		return fmt.Errorf("beginning a write: %w", err)
	}
	for _, j := range group {
		if !j.taken.CompareAndSwap(false, true) {
			continue
		}
		if err := w.savepoint(j); err != nil {
			w.rollback(ctx)
			return err
		}
	}
	if _, err := w.q.exec(ctx, `COMMIT`); err != nil {
		w.rollback(ctx)
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// begin begins a transaction, in the place of one that is still open, such as one
// that began and could not say so. While that stays open no write of any process can
// begin.
func (w *groupWriter) begin(ctx context.Context) error {
	_, err := w.q.exec(ctx, `BEGIN IMMEDIATE`)
	if err == nil {
		return nil
	}
	if _, none := w.q.exec(ctx, `ROLLBACK`); none != nil {
		return err
	}
	_, err = w.q.exec(ctx, `BEGIN IMMEDIATE`)
	return err
}

func (w *groupWriter) savepoint(j *job) error {
	ctx := context.WithoutCancel(j.ctx)
	if _, err := w.q.exec(ctx, `SAVEPOINT job`); err != nil {
		return fmt.Errorf("beginning a write: %w", err)
	}
	if j.err = j.f(ctx, w.q); j.err != nil {
		// A full disk or an I/O error ends the transaction by itself; then there
		// is no savepoint to return to, and the whole group failed with it.
		if _, err := w.q.exec(ctx, `ROLLBACK TO job`); err != nil {
			return fmt.Errorf("undoing a write: %w", errors.Join(j.err, err))
		}
	}
	if _, err := w.q.exec(ctx, `RELEASE job`); err != nil {
		return fmt.Errorf("ending a write: %w", err)
	}
	return nil
}

// rollback leaves the connection without a transaction. Its own error is not
// looked at: it means that SQLite ended the transaction already, and if it should
// ever mean more, begin sees to it.
func (w *groupWriter) rollback(ctx context.Context) {
	w.q.exec(ctx, `ROLLBACK`) //nolint:errcheck // see above
}

// close serves what was accepted, then gives the connection back.
func (w *groupWriter) close() error {
	w.closing.Do(func() { close(w.quit) })
	<-w.stopped
	w.stmts.close()
	return w.conn.Close()
}
