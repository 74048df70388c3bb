package provider

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Problem is an error that the client may know: RFC 6749 §5.2.
type Problem struct {
	Status      int    // HTTP status
	Code        string // the error parameter
	Description string // the error_description parameter, for people
	// RetryAfter, where it is not zero, is when to try again.
	RetryAfter time.Duration
	// Challenge says that the client tried the Authorization header, so that a
	// 401 has to name the Basic scheme.
	Challenge bool

	cause error
}

func (p *Problem) Error() string { return p.Code + ": " + p.Description }

// Unwrap returns what lies behind the problem, for logs only.
func (p *Problem) Unwrap() error { return p.cause }

// Error codes of RFC 6749 §5.2 and RFC 8707 §2.
const (
	codeInvalidRequest       = "invalid_request"
	codeInvalidClient        = "invalid_client"
	codeInvalidGrant         = "invalid_grant"
	codeUnauthorizedClient   = "unauthorized_client"
	codeUnsupportedGrantType = "unsupported_grant_type"
	codeInvalidScope         = "invalid_scope"
	codeInvalidTarget        = "invalid_target"
	codeAccessDenied         = "access_denied"
	codeUnavailable          = "temporarily_unavailable"
)

func badRequest(code, format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: code, Description: fmt.Sprintf(format, args...)}
}

func invalidRequest(format string, args ...any) *Problem {
	return badRequest(codeInvalidRequest, format, args...)
}

// overloaded turns a full hashing queue into an answer, and leaves other errors
// as they are.
func (p *Provider) overloaded(err error) error {
	if !errors.Is(err, credentials.ErrBusy) {
		return err
	}
	return &Problem{
		Status:      http.StatusServiceUnavailable,
		Code:        codeUnavailable,
		Description: "More logins are waiting than can be checked in time. Try again in a moment.",
		RetryAfter:  p.cfg.Pool.RetryAfter(),
		cause:       err,
	}
}

// Unavailable reports whether err means that the database can't be asked now, so
// that trying again in a moment may help.
func Unavailable(err error) bool { return errors.Is(err, storage.ErrUnavailable) }

// problemOf translates what fosite returns: our own problems pass through it
// unchanged, its vocabulary becomes ours, and anything else stays an internal
// error.
func problemOf(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var f *fosite.RFC6749Error
	if errors.As(err, &f) && f.CodeField < http.StatusInternalServerError {
		return &Problem{Status: f.CodeField, Code: f.ErrorField, Description: f.GetDescription(), cause: err}
	}
	return err
}
