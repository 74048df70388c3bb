package admin

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// ErrRefused says that a value breaks a rule of this package. What wraps it has
// a text that says which.
var ErrRefused = errors.New("refused")

// A refusal is an error under a text meant for the operator.
type refusal struct {
	err  error
	text string
}

func refuse(err error, format string, args ...any) error {
	return &refusal{err, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.err }

// about tells an error of storage in terms of the user or client it happened
// to. doing is a participle, such as "adding".
func about(doing, kind, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrExists):
		return refuse(err, "%s %q already exists", kind, name)
	case errors.Is(err, storage.ErrNotFound):
		return refuse(err, "no %s %q", kind, name)
	}
	return fmt.Errorf("%s %s %q: %w", doing, kind, name, err)
}

// maxText is the length in bytes of the longest name or address kept.
const maxText = 1024

// checkText refuses what would garble a terminal, a log or a JSON document.
func checkText(what, s string) error {
	if len(s) > maxText {
		return refuse(ErrRefused, "%s has %d bytes: at most %d fit", what, len(s), maxText)
	}
	if !utf8.ValidString(s) {
		return refuse(ErrRefused, "%s is not valid UTF-8", what)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return refuse(ErrRefused, "%s has the control character %U: leave it out", what, r)
		}
	}
	return nil
}

// checkScopes refuses a list with anything but whole scopes in it.
func checkScopes(scopes []string) error {
	for _, s := range scopes {
		words, err := scope.Parse(s)
		if err != nil {
			return fmt.Errorf("scope %q: %w", s, err)
		}
		if len(words) != 1 || words[0] != s {
			return refuse(scope.ErrMalformed, "scope %q: give one scope for each entry of the list", s)
		}
	}
	return nil
}

// defaultScopes is what users and clients may have when nothing is said.
func defaultScopes(scopes []string) []string {
	if scopes == nil {
		return []string{"profile"}
	}
	return scopes
}
