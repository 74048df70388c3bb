package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/provider"
)

// realm names the protection space in challenges (RFC 9110, section 11.5).
const realm = "usher"

// basicChallenge says charset because ids and secrets are read as UTF-8, which
// RFC 7617, section 2.1 lets a server announce; clients that don't know the
// parameter pass over it.
const basicChallenge = `Basic realm="` + realm + `", charset="UTF-8"`

const contentJSON = "application/json"

// statusClientGone is for the log line only: there is nobody to answer. The
// number is the one nginx uses.
const statusClientGone = 499

// What goes wrong before the provider is asked, and what clients may not know
// more of. RFC 6749, section 5.2 has no codes for most of these.
var (
	errClientGone  = &provider.Problem{Status: statusClientGone, Code: "request_canceled", Description: "The client went away."}
	errServer      = &provider.Problem{Status: http.StatusInternalServerError, Code: "server_error", Description: "Something went wrong here; the log has the details under this X-Request-Id."}
	errUnavailable = &provider.Problem{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: "The server can't reach its database. Try again in a moment.", RetryAfter: time.Second}
	errNoRoute     = &provider.Problem{Status: http.StatusNotFound, Code: "not_found", Description: "There is nothing at this path."}
	errMethod      = &provider.Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Description: "This path takes only the methods in the Allow header."}
)

// badRequest refuses a request that can't be understood.
func badRequest(format string, args ...any) error {
	return &provider.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Description: fmt.Sprintf(format, args...)}
}

// handler is an http.HandlerFunc that leaves its errors to fail.
type handler func(w http.ResponseWriter, r *http.Request) error

// try makes h an http.Handler.
func (s *server) try(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail is where an error becomes an answer. A *provider.Problem is made for
// clients; the text of anything else is for the operator alone.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if refusal, ok := errors.AsType[*adminapi.Refusal](err); ok {
		s.refuse(w, r, refusal)
		return
	}
	problem, ok := errors.AsType[*provider.Problem](err)
	switch {
	case ok:
	case r.Context().Err() != nil:
		// Whatever a cancelled query says of itself, it is no fault.
		problem = errClientGone
	default:
		problem = errServer
		if provider.Unavailable(err) {
			problem = errUnavailable
		}
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("route", r.Pattern),
			slog.String("request_id", requestID(w)),
			slog.Any("err", err))
	}
	s.metrics.refused.WithLabelValues(problem.Code).Inc()
	told(audit.Of(r.Context()), problem)
	writeProblem(w, problem)
}

// told completes the record of a request that was not granted. A reason that the
// answer may not say is there already.
func told(record *audit.Record, p *provider.Problem) {
	record.Outcome = audit.Refused
	if p.Status >= http.StatusInternalServerError || p.Status == statusClientGone {
		record.Outcome = audit.Failed
	}
	if record.Reason == "" {
		record.Reason = p.Code + ": " + p.Description
	}
}

// writeProblem answers in the form of RFC 6749, section 5.2, which is the form
// of every error here.
func writeProblem(w http.ResponseWriter, p *provider.Problem) {
	if p.Challenge {
		w.Header().Set("WWW-Authenticate", basicChallenge)
	}
	retryAfter(w, p.RetryAfter)
	writeError(w, p.Status, p.Code, describable(p.Description))
}

func writeError(w http.ResponseWriter, status int, code, description string) {
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, description})
	if err != nil {
		panic(err) // two strings always encode
	}
	write(w, status, body)
}

// retryAfter says when to come back, where there is such a time.
func retryAfter(w http.ResponseWriter, wait time.Duration) {
	if wait > 0 {
		seconds := (wait + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
}

// describable writes a description in the characters that RFC 6749, section 5.2 lets
// an error_description have: printable ASCII without double quotes and backslashes.
// What a request named may have others.
func describable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r > '~' || r == '\\':
			return '?'
		}
		return r
	}, text)
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	write(w, status, body)
	return nil
}

// write sends a JSON body.
func write(w http.ResponseWriter, status int, body []byte) {
	writeAs(w, contentJSON, status, body)
}

// writeAs sends a body. That a client did not stay to read it is seen by nobody,
// so the error of Write is dropped.
func writeAs(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header()["Content-Type"] = []string{contentType}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
