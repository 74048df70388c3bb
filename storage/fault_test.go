package storage_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// Each statement of each request goes wrong in its turn: it does not run, it runs and
// its answer is lost, alone or with everything after it. The client is told by a 5xx
// and nothing else, nothing is half done, and once the fault is over all goes on and
// what was ended stays ended (CVE-2020-15223: a revocation that did not look at its
// storage's error). On a server the fault may be the connection's, and a node may take
// the time to hear of a revocation that decision 15 gives it, and no more. A server's
// own faults are provoked for real in retry_test.go.
func TestNoFaultOfTheDatabaseIsAnsweredAsSuccess(t *testing.T) {
	t.Parallel()
	soak := os.Getenv("USHER_SOAK_ROUNDS") != ""
	for _, e := range faultEngines(soak) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			strike(t, e, faultCases)
		})
	}
}

// faultEngine is a database and how statements go wrong on it.
type faultEngine struct {
	name          string
	modes         []fault
	open          func(*testing.T, *injector) (sick, sound *storage.Store)
	lag, otherLag time.Duration // until the sick node, and the sound one, know of what another did
}

func faultEngines(soak bool) []faultEngine {
	const heard = time.Second // decision 15
	embedded := faultEngine{name: "SQLite", modes: []fault{{}, {ran: true}}, open: func(t *testing.T, i *injector) (sick, sound *storage.Store) {
		file := sqliteFile(filepath.Join(t.TempDir(), "usher.db"))
		return file.Open(t, storage.Options{Migrate: true}), file.Open(t, storage.Options{})
	}}
	server := func(h hearing, lag time.Duration, modes ...fault) faultEngine {
		return faultEngine{name: "PostgreSQL, " + string(h), modes: modes, lag: lag, otherLag: heard, open: func(t *testing.T, i *injector) (sick, sound *storage.Store) {
			address := postgrestest.With(t, postgrestest.Schema(t), "sslmode", "disable") // so that it can be read
			way := newWire(t, address, i, h)
			return postgresSchema(way.url).Open(t, storage.Options{Migrate: true}), postgresSchema(address).Open(t, storage.Options{})
		}}
	}
	if !soak {
		return []faultEngine{embedded, server(deaf, 0, fault{}), server(polling, heard, fault{ran: true, lost: true})}
	}
	embedded.modes = append(embedded.modes, fault{lasting: true}, fault{ran: true, lasting: true})
	engines := []faultEngine{embedded}
	for h, lag := range map[hearing]time.Duration{deaf: 0, notified: heard, polling: heard} {
		engines = append(engines, server(h, lag, fault{}, fault{lost: true}, fault{ran: true, lost: true}, fault{lasting: true}, fault{lost: true, lasting: true}))
	}
	return engines
}

func strike(t *testing.T, e faultEngine, cases func() []faultCase) {
	for i, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, e)
			c := cases()[i] // with variables of its own
			struck := 0
			for _, f := range e.modes {
				tries := 0
				for f.nth = 1; w.strike(c, f); f.nth++ {
					tries++
				}
				if tries == 0 && (!c.remembered || w.sick.lag == 0) {
					t.Fatal("the request asks the database nothing: the test proves nothing")
				}
				struck += tries
			}
			t.Logf("%d faults", struck)
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
		w.t.Fatalf("when %s: %v", f, struck)
	}
	return true
}

func (w *world) check(c faultCase, f fault, a answer, struck []struckStatement) {
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
func (c faultCase) survives(f fault, struck []struckStatement) bool {
	if f.ran && !f.lasting && struck[0].text == "BEGIN IMMEDIATE" {
		return true
	}
	// A transaction that was lost before its commit begins anew.
	if f.lost && !f.lasting && (struck[0].within && struck[0].verb() != "COMMIT" || struck[0].verb() == "BEGIN") {
		return true
	}
	// All that happens after the hash is renewed must work again.
	return c.improves && !f.lasting
}

// mayHaveHappened reports whether a statement that went wrong made something
// durable before its answer was lost.
func mayHaveHappened(f fault, struck []struckStatement) bool {
	if !f.ran {
		return false
	}
	for _, s := range struck {
		if s.verb() == "COMMIT" || f.lost && !s.within { // there each is a transaction of its own
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
