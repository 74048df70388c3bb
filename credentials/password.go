package credentials

import (
	"strings"
	"unicode/utf8"
)

const (
	// MinPasswordChars is the length of the shortest password, in characters
	// (Unicode code points).
	MinPasswordChars = 8
	// MaxPasswordBytes is the length of the longest password, in bytes of
	// UTF-8. bcrypt reads no further, so a longer one would be cut.
	MaxPasswordBytes = 72
)

// CheckPassword tells whether a password may be set: valid UTF-8 without NUL,
// at least [MinPasswordChars] and at most [MaxPasswordBytes], none of the commonest
// and none of names, which are what its user is known by: the user name and the
// e-mail address. Which characters it has is nobody's business (NIST SP 800-63B-4
// §3.1.1.2). The error wraps [ErrPassword].
func CheckPassword(password string, names ...string) error {
	if !utf8.ValidString(password) {
		return refuse(ErrPassword, "password is not valid UTF-8: check the encoding of what it was typed into")
	}
	if n := utf8.RuneCountInString(password); n < MinPasswordChars {
		return refuse(ErrPassword, "password has %d characters: choose one of at least %d", n, MinPasswordChars)
	}
	if err := checkHashable(password); err != nil {
		return err
	}
	return checkGuessable(password, names)
}

// checkHashable refuses the passwords bcrypt would confuse with others.
func checkHashable(password string) error {
	if n := len(password); n > MaxPasswordBytes {
		return refuse(ErrPassword, "password has %d bytes in UTF-8: choose one of at most %d", n, MaxPasswordBytes)
	}
	if strings.ContainsRune(password, 0) {
		return refuse(ErrPassword, "password has a NUL character: choose one without")
	}
	return nil
}
