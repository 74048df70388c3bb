package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// times are how long the statements of a store took, by what they were for. They are
// asked for through [storage.Options].
type times struct {
	t      *testing.T
	pruner *os.File // what Linux tells of the server's process that prunes
	mu     sync.Mutex
	by     map[purpose]*spread
	shown  int
}

type purpose struct{ what, statement string }

const (
	// transactions are not statements, but who waits waits for the whole.
	transactions = "TRANSACTION"
	// unqueued is the time of pruning's statements less that in which the server's
	// process was ready to run and no processor free.
	unqueued = "prune, less waits for a processor"
)

func newTimes(t *testing.T) *times { return &times{t: t, by: map[purpose]*spread{}} }

type duringKey struct{}

// during says what the statements of ctx are for.
func during(ctx context.Context, what string) context.Context {
	return context.WithValue(ctx, duringKey{}, what)
}

func (s *times) trace(ctx context.Context, statement string) (context.Context, func(error)) {
	what, counted := ctx.Value(duringKey{}).(string)
	if !counted {
		return ctx, func(error) {}
	}
	queued, began := s.queued(what), time.Now()
	return ctx, func(error) {
		took := time.Since(began)
		s.add(purpose{what, statement}, took)
		if what == "prune" {
			// A wait may have begun before, while nothing was asked.
			s.add(purpose{unqueued, statement}, max(0, took-(s.queued(what)-queued)))
		}
	}
}

// follow names the server's process that prunes.
func (s *times) follow(pid int) {
	if s.pruner != nil {
		s.pruner.Close()
	}
	var err error
	if s.pruner, err = os.Open(fmt.Sprintf("/proc/%d/schedstat", pid)); err != nil {
		s.t.Logf("waits for a processor can't be told from work: %v", err)
	}
}

// queued is how long the process that prunes has waited for a processor in its life.
// It is 0 where the system doesn't tell, or the process is another by now.
func (s *times) queued(what string) time.Duration {
	if what != "prune" || s.pruner == nil {
		return 0
	}
	var text [64]byte
	n, _ := s.pruner.ReadAt(text[:], 0) // always the end of the file, or of the process
	fields := bytes.Fields(text[:n])
	if len(fields) < 2 {
		return 0
	}
	waited, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(waited)
}

func (s *times) add(p purpose, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[p] == nil {
		s.by[p] = &spread{}
	}
	s.by[p].add(took)
	if took > slowStatement && p.statement != transactions && (p.what == unqueued || p.what != "prune") && s.shown < 200 {
		s.shown++
		s.t.Logf("slow: %s, %v: %s", p.what, took, short(p.statement))
	}
}

// all is of all statements for these purposes.
func (s *times) all(what ...string) *spread {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum spread
	for p, one := range s.by {
		if slices.Contains(what, p.what) && p.statement != transactions {
			sum.join(one)
		}
	}
	return &sum
}

// report logs what took how long so far.
func (s *times) report(t *testing.T) {
	t.Helper()
	var whats []string
	var lines []string
	s.mu.Lock()
	for p, one := range s.by {
		if !slices.Contains(whats, p.what) {
			whats = append(whats, p.what)
		}
		if (p.what == "prune" || p.what == unqueued) && (strings.HasPrefix(p.statement, "DELETE FROM grants") || p.statement == transactions) {
			lines = append(lines, p.what+", "+short(p.statement)+": "+one.String())
		}
	}
	s.mu.Unlock()
	for _, what := range whats {
		lines = append(lines, what+", all statements: "+s.all(what).String())
	}
	slices.Sort(lines)
	t.Log("time of statements\n\t" + strings.Join(lines, "\n\t"))
}

func short(statement string) string {
	statement = strings.Join(strings.Fields(statement), " ")
	return statement[:min(len(statement), 130)]
}
