// Package errorsx is the part of github.com/ory/x/errorsx that fosite calls.
//
// It captures no stack: fosite asks for one on its success path too (once for
// each handler that does not own the grant), and usher never prints them.
package errorsx

import "errors"

// StatusCodeCarrier is an error that knows its HTTP status.
type StatusCodeCarrier interface{ StatusCode() int }

// StatusCarrier is an error that knows its HTTP status text.
type StatusCarrier interface{ Status() string }

// RequestIDCarrier is an error that knows the request it belongs to.
type RequestIDCarrier interface{ RequestID() string }

// ReasonCarrier is an error that knows why it happened.
type ReasonCarrier interface{ Reason() string }

// DebugCarrier is an error with details for operators only.
type DebugCarrier interface{ Debug() string }

// DetailsCarrier is an error with structured details.
type DetailsCarrier interface{ Details() map[string]any }

// WithStack returns err unchanged.
func WithStack(err error) error { return err }

// Cause returns the innermost error that err wraps, err itself where it wraps none.
func Cause(err error) error {
	for err != nil {
		next := errors.Unwrap(err)
		if c, ok := err.(interface{ Cause() error }); ok {
			next = c.Cause()
		}
		if next == nil {
			break
		}
		err = next
	}
	return err
}
