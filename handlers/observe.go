package handlers

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/usher-oauth/usher/audit"
)

// requestIDHeader is never read from a request: an id that a client chose could
// be made to point at another's lines in the log.
const requestIDHeader = "X-Request-Id"

// requestID returns the id that observe gave the request w answers.
func requestID(w http.ResponseWriter) string {
	return w.Header().Get(requestIDHeader)
}

// standingHeader is what stands on every answer until a handler knows better.
// Tokens and profiles must not be kept (RFC 6749, section 5.1), so whatever may
// be kept says so itself.
func standingHeader(https bool) []standing {
	all := []standing{
		{"Cache-Control", []string{"no-store"}},
		{"Pragma", []string{"no-cache"}},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
		{"Referrer-Policy", []string{"no-referrer"}},
		{"X-Content-Type-Options", []string{"nosniff"}},
	}
	if https {
		all = append(all, standing{"Strict-Transport-Security", []string{"max-age=31536000"}})
	}
	return all
}

// standing is a field of an answer's header. All answers share the value.
type standing struct {
	name  string // as http.Header has it
	value []string
}

func stand(h http.Header, fields []standing) {
	for _, f := range fields {
		h[f.name] = f.value[:1:1] // whoever adds another value does so in a copy
	}
}

// observe is the outermost of all: it names each request, sees to it that it is
// answered whatever happens inside, and tells log and metrics.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := &answer{ResponseWriter: w}
		h := w.Header()
		stand(h, s.header)
		a.id[0] = rand.Text()
		h[requestIDHeader] = a.id[:]
		record := &a.record
		record.Request = a.id[0]
		r = r.WithContext(audit.With(r.Context(), record))
		s.metrics.inFlight.Inc()
		defer func() {
			aborted := s.rescue(a, r, recover())
			s.metrics.inFlight.Dec()
			s.record(a, r, start, time.Now())
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		if len(r.TransferEncoding) > 0 {
			// net/http does not tell whether there was a Content-Length too. After such a
			// request a connection must be closed (RFC 9112, section 6.1), or a proxy that
			// goes by the length has the end of one request begin another.
			a.Header().Set("Connection", "close")
		}
		if err := limitBodyTime(a, r); err != nil {
			s.fail(a, r, fmt.Errorf("limiting the time for the body: %w", err))
			return
		}
		next.ServeHTTP(a, r)
	})
}

// rescue answers in place of a handler that panicked with v. It reports whether
// the connection must be cut instead: when that was asked for, or when part of
// an answer is out already and its end would look like the end of a whole one.
func (s *server) rescue(a *answer, r *http.Request, v any) (abort bool) {
	switch v {
	case nil:
		return false
	case http.ErrAbortHandler:
		return true
	}
	s.Log.LogAttrs(r.Context(), slog.LevelError, "handler panicked",
		slog.String("route", r.Pattern),
		slog.String("request_id", requestID(a)),
		slog.Any("panic", v),
		slog.String("stack", string(debug.Stack())))
	audit.Of(r.Context()).Outcome = audit.Failed
	if a.status != 0 {
		return true
	}
	writeProblem(a, errServer)
	return false
}

// record writes the log line of a request and its audit record, and counts it. The
// line has the route, not the path, and neither query nor body: those may hold
// secrets.
func (s *server) record(a *answer, r *http.Request, began, ended time.Time) {
	record, took := &a.record, ended.Sub(began)
	s.metrics.count(r.Pattern, r.Method, a.code(), took)
	s.metrics.event(record)
	level := slog.LevelInfo
	switch r.Pattern {
	case "/healthz", "/readyz", "/metrics": // asked every few seconds by machines
		level = slog.LevelDebug
	}
	logged := s.Log.Enabled(r.Context(), level)
	if logged || s.Audit != nil {
		record.Address = s.client(r).String()
	}
	s.Audit.Write(ended, record)
	if !logged {
		return
	}
	attrs := append(make([]slog.Attr, 0, 20),
		slog.String("method", r.Method),
		slog.String("route", r.Pattern),
		slog.Int("status", a.code()),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", a.bytes))
	attrs = append(attrs, record.Attrs()...)
	attrs = append(attrs,
		slog.String("remote", record.Address),
		slog.String("request_id", record.Request))
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// answer is a ResponseWriter that remembers what was sent through it, and for which
// request.
type answer struct {
	http.ResponseWriter
	status int   // 0 until the headers are out
	bytes  int64 // of the body
	id     [1]string
	record audit.Record
}

func (a *answer) WriteHeader(status int) {
	// One that is merely informational (1xx) is not the answer yet.
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Status is that of the answer, for what traces requests.
func (a *answer) Status() int { return a.code() }

// code is the status the client saw: net/http sends 200 for a handler that
// wrote nothing.
func (a *answer) code() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
