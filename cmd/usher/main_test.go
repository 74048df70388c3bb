package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usher-oauth/usher/internal/openapitest"
	"github.com/usher-oauth/usher/internal/postgrestest"
)

// The test binary, called usher, is the program under test, race detector and
// all. It is in the PATH of scripts and of every process a test starts.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"usher": main})
}

// quick is what keeps the tests from taking minutes: cheap hashes, and no second
// of rest that the race detector grants at each exit.
var quick = []string{"USHER_BCRYPT_COST=4", "GORACE=atexit_sleep_ms=0"}

// suite is all tests of the package.
type suite struct{ *testing.M }

// Run holds every exchange of the tests with usher against the OpenAPI document,
// whichever library has it, and ends the database server that tests may have
// started.
func (m suite) Run() int {
	var mu sync.Mutex
	departures := make(map[string]int)
	http.DefaultTransport = openapitest.Transport{Base: http.DefaultTransport, Report: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		departures[err.Error()]++
	}}
	code := postgrestest.Main(m.M)
	for departure, times := range departures {
		fmt.Fprintf(os.Stderr, "%d times: %s\n", times, departure)
		code = max(code, 1)
	}
	return code
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			for _, variable := range quick {
				name, value, _ := strings.Cut(variable, "=")
				e.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   status,
			"jsonkeys": jsonKeys,
		},
	})
}

// status runs a command and demands its exit status: status 2 usher user add
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("got exit status %d, want %d\nstderr: %s", got, want, ts.ReadFile("stderr"))
	}
	// The promise of the contract: errors are lines that begin with the name.
	if want != 0 {
		for line := range strings.Lines(ts.ReadFile("stderr")) {
			if !strings.HasPrefix(line, "usher: ") {
				ts.Fatalf("got the error line %q, want one that begins with %q", line, "usher: ")
			}
		}
	}
}

// jsonKeys demands that a file is one JSON object, or an array of objects, with
// exactly these members: jsonkeys stdout id username
func jsonKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonkeys file key...")
	}
	want := slices.Sorted(slices.Values(args[1:]))
	text := ts.ReadFile(args[0])
	var objects []map[string]json.RawMessage
	if strings.HasPrefix(text, "{") {
		text = "[" + text + "]"
	}
	if err := json.Unmarshal([]byte(text), &objects); err != nil {
		ts.Fatalf("reading %s as JSON: %v", args[0], err)
	}
	if len(objects) == 0 {
		ts.Fatalf("got no object in %s", args[0])
	}
	for _, o := range objects {
		var got []string
		for key := range o {
			got = append(got, key)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			ts.Fatalf("members of %s (-want +got):\n%s", args[0], diff)
		}
	}
}
