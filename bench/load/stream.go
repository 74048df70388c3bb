package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
)

// phase is what all connections go through together.
type phase = int32

const (
	warming phase = iota
	counting
	stopping
)

// faultPause is how long a connection waits after an answer that is not the wanted
// one: who refuses for having too much to do is to refuse a few, not thousands.
const faultPause = 250 * time.Millisecond

// stream runs a measure.Stream.
type stream struct {
	measure.Stream
	now     *atomic.Int32 // the phase
	workers []*worker
	ended   sync.WaitGroup
	turn    atomic.Uint64 // of the next request
}

// worker is one connection of a stream.
type worker struct {
	*stream
	connection connection
	token      string // of a chain
	times      measure.Histogram
	bad        uint64
	fault      string
}

// start opens the connections and begins to send.
func start(s measure.Stream, now *atomic.Int32) (*stream, error) {
	if s.Connections < 1 {
		return nil, fmt.Errorf("%s %s: %d connections", s.Method, s.Path, s.Connections)
	}
	if s.Tokens != nil && s.Turns != nil {
		return nil, fmt.Errorf("%s %s: both tokens and turns", s.Method, s.Path)
	}
	if s.Tokens != nil && len(s.Tokens) != s.Connections {
		return nil, fmt.Errorf("%s %s: %d tokens for %d connections", s.Method, s.Path, len(s.Tokens), s.Connections)
	}
	running := &stream{Stream: s, now: now}
	for i := range s.Connections {
		w := &worker{stream: running, connection: connection{address: s.Address}}
		if s.Tokens != nil {
			w.token = s.Tokens[i]
		}
		running.workers = append(running.workers, w)
		running.ended.Go(w.run)
	}
	return running, nil
}

// stop waits for the answers on the way, after the phase has become stopping, and
// returns what was seen.
func (s *stream) stop() measure.Seen {
	s.ended.Wait()
	var all measure.Histogram
	var seen measure.Seen
	for _, w := range s.workers {
		all.Merge(&w.times)
		seen.Bad += w.bad
		if seen.Fault == "" {
			seen.Fault = w.fault
		}
		if s.Tokens != nil {
			seen.Tokens = append(seen.Tokens, w.token)
		}
	}
	seen.Good, seen.Median, seen.P99 = all.Count(), all.Quantile(0.5), all.Quantile(0.99)
	return seen
}

// run sends one request after another.
func (w *worker) run() {
	defer w.connection.close()
	request := w.request()
	for {
		before := w.now.Load()
		if before == stopping {
			return
		}
		if w.Tokens != nil || w.Turns != nil {
			request = w.request()
		}
		begin := time.Now()
		status, body, err := w.connection.do(request)
		took := time.Since(begin)
		fault := w.judge(status, body, err)
		// What was sent in the warm-up counts where it is answered in the counted
		// time: else slow answers would count for less than their share.
		switch counts := w.now.Load() == counting; {
		case fault != "" && (counts || before == warming):
			w.bad++
			if w.fault == "" {
				w.fault = fault
			}
		case counts:
			w.times.Add(took)
		}
		if fault != "" {
			time.Sleep(faultPause)
		} else if w.Pause > 0 {
			time.Sleep(w.Pause)
		}
	}
}

// judge says what is wrong with an answer, or nothing. A good one hands a chain its
// next token.
func (w *worker) judge(status int, body []byte, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case status != http.StatusOK || !bytes.Contains(body, []byte(w.Wanted)):
		return fmt.Sprintf("status %d: %.200s", status, body)
	case w.Tokens == nil:
		return ""
	}
	const field = `"refresh_token":"`
	_, rest, found := bytes.Cut(body, []byte(field))
	token, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return fmt.Sprintf("no refresh_token: %.200s", body)
	}
	w.token = string(token)
	return ""
}

// request is written as it goes over the wire.
func (w *worker) request() []byte {
	body := w.Body + w.token
	if w.Turns != nil {
		body += w.Turns[(w.turn.Add(1)-1)%uint64(len(w.Turns))]
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", w.Method, w.Path, w.Address)
	names := make([]string, 0, len(w.Header))
	for name := range w.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\r\n", name, w.Header[name])
	}
	if w.Method == http.MethodPost {
		b.WriteString("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}
