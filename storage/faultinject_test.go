package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// fault says which statement of a request goes wrong, and how.
type fault struct {
	nth     int  // counted from 1
	ran     bool // it runs, and its answer is lost
	lost    bool // and so is the connection to the database server
	lasting bool // and every later statement goes the same way
}

func (f fault) String() string {
	how := "does not run"
	if f.ran {
		how = "runs and its answer is lost"
	}
	if f.lost {
		how += " with the connection"
	}
	if f.lasting {
		how += ", like all after it"
	}
	return fmt.Sprintf("statement %d %s", f.nth, how)
}

// errFault is what a statement that goes wrong says. No client may read it.
var errFault = errors.New("SELECT of a secret: disk I/O error")

// struckStatement is one that went wrong.
type struckStatement struct {
	text   string
	within bool // a transaction of a database server, whose end is another statement
}

func (s struckStatement) verb() string {
	verb, _, _ := strings.Cut(strings.TrimSpace(s.text), " ")
	return strings.ToUpper(verb)
}

// injector makes statements go wrong. It is safe for concurrent use.
type injector struct {
	mu     sync.Mutex
	armed  *fault
	seen   int
	struck []struckStatement
}

func (f *injector) arm(next fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.seen, f.struck = &next, 0, nil
}

// disarm returns the statements that went wrong.
func (f *injector) disarm() []struckStatement {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
	return f.struck
}

// around stands in for a statement of the embedded database.
func (f *injector) around(statement string, run func() error) error {
	met, strikes := f.meets(struckStatement{text: statement}, true)
	if !strikes {
		return run()
	}
	// Nothing in SQLite can keep a ROLLBACK from running.
	if met.ran || statement == "ROLLBACK" {
		_ = run() // whatever it says is lost
	}
	return errFault
}

// meets reports whether a statement goes wrong, and how. One that does not count is
// never the first.
func (f *injector) meets(s struckStatement, counts bool) (met fault, strikes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed == nil {
		return fault{}, false
	}
	if counts {
		f.seen++
	}
	if f.seen < f.armed.nth || !f.armed.lasting && (f.seen > f.armed.nth || !counts) {
		return fault{}, false
	}
	f.struck = append(f.struck, s)
	return *f.armed, true
}

// gone reports whether the database server can't be reached any more.
func (f *injector) gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.armed != nil && f.armed.lost && f.armed.lasting && f.seen >= f.armed.nth
}
