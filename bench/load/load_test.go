package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
)

func address(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func job(main measure.Stream) measure.Job {
	main.Connections = max(main.Connections, 2)
	return measure.Job{Server: os.Getpid(), WarmUp: 20 * time.Millisecond, Time: 200 * time.Millisecond, Main: main}
}

func load(t *testing.T, j measure.Job) measure.Report {
	t.Helper()
	r, err := run(j)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyRightAnswersCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		good    bool
	}{
		"right": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"active":true}`) }, true},
		"in chunks": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"active":`)
			w.(http.Flusher).Flush()
			io.WriteString(w, `true}`)
		}, true},
		"long": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Repeat(" ", 50_000)+`"active":true`)
		}, true},
		"another text":   {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"active":false}`) }, false},
		"another status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); io.WriteString(w, `{"active":true}`) }, false},
		"no answer":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := load(t, job(measure.Stream{Address: address(t, c.handler), Method: "GET", Path: "/", Wanted: `"active":true`}))
			if good := r.Main.Good > 0 && r.Main.Bad == 0 && r.Main.Fault == ""; good != c.good {
				t.Errorf("got %d good and %d bad: %s", r.Main.Good, r.Main.Bad, r.Main.Fault)
			}
			if bad := r.Main.Bad > 0 && r.Main.Good == 0 && r.Main.Fault != ""; bad == c.good {
				t.Errorf("got %d good and %d bad: %s", r.Main.Good, r.Main.Bad, r.Main.Fault)
			}
		})
	}
}

func TestRequestsAreAsTold(t *testing.T) {
	t.Parallel()
	var wrong atomic.Pointer[string]
	server := address(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if got := fmt.Sprint(r.Method, r.URL, r.FormValue("token"), id, secret); got != "POST/introspect?a=bxapisecret" {
			wrong.Store(&got)
		}
		io.WriteString(w, "ok")
	})
	r := load(t, job(measure.Stream{Address: server, Method: "POST", Path: "/introspect?a=b", Body: "token=x", Wanted: "ok",
		Header: map[string]string{"Authorization": "Basic YXBpOnNlY3JldA=="}}))
	if got := wrong.Load(); got != nil || r.Main.Good == 0 {
		t.Errorf("got the request %s, %d good answers", *got, r.Main.Good)
	}
	if r.Main.Median <= 0 || r.Main.P99 < r.Main.Median || r.RSS == 0 || r.Time < 200*time.Millisecond {
		t.Errorf("got %+v, want times and memory", r)
	}
}

// Each connection sends the token of its own last answer, over the end of a job.
func TestChainsGoOnWithTheLastToken(t *testing.T) {
	t.Parallel()
	var last [2]atomic.Int64
	server := address(t, func(w http.ResponseWriter, r *http.Request) {
		var chain int
		var n int64
		fmt.Sscanf(r.FormValue("refresh_token"), "%d-%d", &chain, &n)
		if !last[chain].CompareAndSwap(n, n+1) {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprintf(w, `{"refresh_token":"%d-%d"}`, chain, n+1)
	})
	j := job(measure.Stream{Address: server, Method: "POST", Path: "/token", Body: "refresh_token=", Tokens: []string{"0-0", "1-0"}})
	for range 2 {
		r := load(t, j)
		if r.Main.Good == 0 || r.Main.Bad > 0 {
			t.Fatalf("got %d good and %d bad: %s", r.Main.Good, r.Main.Bad, r.Main.Fault)
		}
		j.Main.Tokens = r.Main.Tokens
	}
}

func TestRequestsTakeTurns(t *testing.T) {
	t.Parallel()
	var seen [3]atomic.Int64
	server := address(t, func(w http.ResponseWriter, r *http.Request) {
		seen[len(r.FormValue("token"))-1].Add(1)
		io.WriteString(w, "ok")
	})
	r := load(t, job(measure.Stream{Address: server, Method: "POST", Path: "/introspect", Body: "token=", Turns: []string{"a", "aa", "aaa"}, Wanted: "ok"}))
	least, most := seen[0].Load(), seen[2].Load()
	if r.Main.Good == 0 || least < 1 || least-most < 0 || least-most > 1 {
		t.Errorf("got %d good answers, the first of three turns %d times and the last %d times", r.Main.Good, least, most)
	}
}

func TestStreamsRunBesideOneAnother(t *testing.T) {
	t.Parallel()
	server := address(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	j := job(measure.Stream{Address: server, Method: "GET", Path: "/quiet", Pause: 5 * time.Millisecond, Wanted: "/quiet"})
	j.Beside = &measure.Stream{Address: server, Method: "GET", Path: "/loud", Connections: 4, Wanted: "/loud"}
	r := load(t, j)
	if r.Main.Bad+r.Beside.Bad > 0 || r.Main.Good == 0 || r.Beside.Good <= r.Main.Good {
		t.Errorf("got %d quiet and %d loud answers, want more loud ones and none bad", r.Main.Good, r.Beside.Good)
	}
	if most := uint64(2 * r.Time / (5 * time.Millisecond)); r.Main.Good > most+2 {
		t.Errorf("got %d quiet answers, want pauses between them and so %d at most", r.Main.Good, most)
	}
}

func TestJobsThatCannotBeDoneAreRefused(t *testing.T) {
	t.Parallel()
	for name, j := range map[string]measure.Job{
		"no connections": {Server: os.Getpid()},
		"few tokens":     {Server: os.Getpid(), Main: measure.Stream{Connections: 2, Tokens: []string{"a"}}},
		"two kinds":      {Server: os.Getpid(), Main: measure.Stream{Connections: 1, Tokens: []string{"a"}, Turns: []string{"a"}}},
	} {
		if r, err := run(j); err == nil {
			t.Errorf("%s: got %+v, want an error", name, r)
		}
	}
}
