package credentials

import (
	"errors"
	"fmt"
)

// What a value can be refused as. The errors that wrap these carry a text
// meant for the person who typed the value: it says what to do, and repeats
// no password, secret or hash.
var (
	ErrUsername = errors.New("user name refused")
	ErrPassword = errors.New("password refused")
	ErrSecret   = errors.New("client secret refused")
	ErrClientID = errors.New("client id refused")
	ErrHash     = errors.New("password hash refused")
	ErrCost     = errors.New("bcrypt cost refused")
)

// A refusal is one of the errors above under a text of its own.
type refusal struct {
	kind error
	text string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }
