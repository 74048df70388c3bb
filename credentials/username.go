package credentials

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// MaxUsernameBytes is the length of the longest user name, in bytes of UTF-8
// after mapping. The longest e-mail address fits (RFC 5321 §4.5.3.1.3).
const MaxUsernameBytes = 254

// maxRawUsername bounds the work done for a name before it is mapped. Mapping
// shortens a name to a quarter at most: composed letters, narrow forms.
const maxRawUsername = 4*MaxUsernameBytes + 8

// Username brings a user name to the one form in which it is stored and looked
// up: PRECIS UsernameCaseMapped (RFC 8265 §3.3), so that JohnDoe and johndoe
// are one user. Mapping a mapped name changes nothing. The error wraps
// [ErrUsername].
func Username(raw string) (string, error) {
	switch {
	case raw == "":
		return "", refuse(ErrUsername, "user name is empty: give one of 1 to %d bytes", MaxUsernameBytes)
	case len(raw) > maxRawUsername:
		return "", longUsername(len(raw))
	case !utf8.ValidString(raw):
		return "", refuse(ErrUsername, "user name %q is not valid UTF-8", raw)
	}
	name, err := settle(raw)
	switch {
	case err != nil:
		return "", refuse(ErrUsername, "user name %q %s: use letters, digits and signs such as . _ - @, without spaces", raw, flaw(raw))
	case len(name) > MaxUsernameBytes:
		return "", longUsername(len(name))
	}
	return name, nil
}

func longUsername(n int) error {
	return refuse(ErrUsername, "user name has %d bytes: at most %d fit", n, MaxUsernameBytes)
}

// settle maps a name until mapping no longer changes it. One pass nearly
// always does; RFC 8264 §7 allows three more and then refuses the name.
func settle(name string) (string, error) {
	var err error
	for range 4 {
		before := name
		if name, err = precis.UsernameCaseMapped.String(before); err != nil || name == before {
			return name, err
		}
	}
	return "", ErrUsername
}

// flaw says what the profile has against a name, which it does not tell
// itself: the first character that is refused even when it stands alone.
func flaw(name string) string {
	for _, r := range name {
		if _, err := precis.UsernameCaseMapped.String(string(r)); err != nil {
			return fmt.Sprintf("has the character %U, which is not allowed", r)
		}
	}
	return "mixes characters that may not stand together"
}
