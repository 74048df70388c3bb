package storage_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/storage"
)

// Each statement of each request goes wrong in its turn: it does not run, it runs and
// its answer is lost, alone or with everything after it. The client is told by a 5xx
// and nothing else, nothing is half done, and once the fault is over all goes on and
// what was ended stays ended (CVE-2020-15223: a revocation that did not look at its
// storage's error). A server's faults are provoked for real in retry_test.go.
func TestNoFaultOfTheDatabaseIsAnsweredAsSuccess(t *testing.T) {
	t.Parallel()
	strike(t, faultCases, func(t *testing.T) func(storage.Options) *storage.Store {
		file := sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
		return func(o storage.Options) *storage.Store { return file.Open(t, o) }
	})
}

func strike(t *testing.T, cases func() []faultCase, database func(*testing.T) func(storage.Options) *storage.Store) {
	for i, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, database(t))
			c := cases()[i] // with variables of its own
			modes := []fault{{}, {ran: true}}
			if os.Getenv("USHER_SOAK_ROUNDS") != "" {
				modes = append(modes, fault{lasting: true}, fault{ran: true, lasting: true})
			}
			for _, f := range modes {
				tries := 0
				for f.nth = 1; w.strike(c, f); f.nth++ {
					tries++
				}
				if tries == 0 {
					t.Fatal("the request asks the database nothing: the test proves nothing")
				}
			}
		})
	}
}

// strike makes one request that meets a fault. It reports false where the request
// was over before.
func (w *world) strike(c faultCase, f fault) bool {
	w.t.Helper()
	ask := c.prepare(w)
	w.arm(f)
	a := ask()
	struck := w.disarm()
	if len(struck) == 0 {
		if a.status != c.status {
			w.t.Fatalf("without a fault: got %d %s, want %d", a.status, a.body, c.status)
		}
		return false
	}
	failed := w.t.Failed()
	w.check(c, f, a, struck)
	if !failed && w.t.Failed() {
		w.t.Fatalf("when %s: %s", f, strings.Join(struck, "; "))
	}
	return true
}

func (w *world) check(c faultCase, f fault, a answer, struck []string) {
	w.t.Helper()
	asUsual := a.status == c.status && c.survives(f, struck)
	if !asUsual {
		w.wantFault(a)
	}
	happened := asUsual
	if c.happened != nil {
		happened = c.happened(w)
	}
	switch {
	case asUsual && !happened:
		w.t.Errorf("got %d, and it did not happen", a.status)
	case !asUsual && happened && !mayHaveHappened(f, struck):
		w.t.Error("got an error, and it happened all the same")
	}
	c.later(w, happened)
}

// survives reports whether the request may be answered as usual all the same: what
// went wrong is made good at once, or is no duty.
func (c faultCase) survives(f fault, struck []string) bool {
	if f.ran && !f.lasting && struck[0] == "BEGIN IMMEDIATE" {
		return true
	}
	// All that happens after the hash is renewed must work again.
	return c.improves && !f.lasting
}

// mayHaveHappened reports whether a statement that went wrong made something
// durable before its answer was lost.
func mayHaveHappened(f fault, struck []string) bool {
	if !f.ran {
		return false
	}
	for _, statement := range struck {
		verb, _, _ := strings.Cut(statement, " ")
		switch verb {
		case "COMMIT", "INSERT", "UPDATE": // the last two are whole transactions on a server
			return true
		}
	}
	return false
}

// wantFault demands an error that says nothing of what is behind the server.
func (w *world) wantFault(a answer) {
	w.t.Helper()
	if a.status != 500 && a.status != 503 {
		w.t.Errorf("got %d %s, want a 5xx", a.status, a.body)
		return
	}
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || len(body) != 2 || body["error_description"] == "" ||
		body["error"] != "server_error" && body["error"] != "temporarily_unavailable" {
		w.t.Errorf("got the body %s, want an error and its description", a.body)
	}
	for _, leak := range []string{"SELECT", "secret", "disk", "sql", ".go", "goroutine"} {
		if strings.Contains(strings.ToLower(a.body), strings.ToLower(leak)) {
			w.t.Errorf("got the body %s, which tells of what is behind", a.body)
		}
	}
	if a.header.Get("X-Request-Id") == "" || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("got the header %v, want that of an error", a.header)
	}
}
