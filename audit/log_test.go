package audit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/audit"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 5e6, time.FixedZone("", 3600))

func fails(t *testing.T) func(error) {
	return func(err error) { t.Error(err) }
}

func TestARecordIsOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l, err := audit.Open("-", &out, fails(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Write(noon, &audit.Record{Event: audit.Login, Outcome: audit.Refused, Reason: "wrong password", User: "zoë\n<b>", Client: "web", Address: "192.0.2.7"})
	l.Write(noon, &audit.Record{Client: "web"}) // not an event
	const want = `{"time":"2026-11-25T11:00:00.005Z","event":"login","outcome":"refused","reason":"wrong password",` +
		`"user":"zoë\n\u003cb\u003e","client":"web","address":"192.0.2.7"}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var none *audit.Log
	none.Write(noon, &audit.Record{Event: audit.Login})
	if err := errors.Join(none.Reopen(), none.Close(), l.Reopen(), l.Close()); err != nil {
		t.Error(err)
	}
}

// Lines of several writers, as of processes on one file, stay whole, also while the
// file is moved away.
func TestLinesStayWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	const writers, each = 4, 200
	var wg sync.WaitGroup
	for i := range writers {
		l, err := audit.Open(path, nil, fails(t))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		wg.Go(func() {
			for j := range each {
				l.Write(noon, &audit.Record{Event: audit.Refresh, Grant: fmt.Sprintf("%d-%d", i, j)})
			}
		})
		wg.Go(func() {
			if err := l.Reopen(); err != nil {
				t.Error(err)
			}
		})
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, name := range []string{path, path + ".1"} {
		file, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // all had reopened before it was moved
		}
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", name, info.Mode(), err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var r audit.Record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatalf("%q: %v", lines.Bytes(), err)
			}
			seen[r.Grant] = true
		}
	}
	if len(seen) != writers*each {
		t.Errorf("got %d records, want %d", len(seen), writers*each)
	}
}

func TestAFileThatCanNotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := audit.Open(filepath.Join(t.TempDir(), "none", "audit.log"), nil, fails(t)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that does not exist: got %v", err)
	}
	var told error
	l, err := audit.Open("/dev/full", nil, func(err error) { told = err })
	if err != nil {
		t.Skipf("this system has no /dev/full: %v", err)
	}
	defer l.Close()
	l.Write(noon, &audit.Record{Event: audit.Login})
	if told == nil {
		t.Error("a full disk was not told")
	}
}

func TestARequestWithoutARecordHasOneThatNobodyReads(t *testing.T) {
	t.Parallel()
	audit.Of(t.Context()).Client = "web"
	r := &audit.Record{}
	ctx := audit.With(t.Context(), r)
	audit.Of(ctx).Event = audit.Login
	audit.Of(ctx).Client = "web"
	if r.Event != audit.Login {
		t.Errorf("got %+v, want what was filled in", r)
	}
	if got := fmt.Sprint(r.Attrs()); got != "[event=login client=web]" {
		t.Errorf("attributes: got %s", got)
	}
}
