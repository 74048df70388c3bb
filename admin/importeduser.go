package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
)

// ImportedUser is a user as another system knew it.
type ImportedUser struct {
	Username       string
	Email          string
	FullName       string
	Disabled       bool
	Scopes         []string // nil: profile
	HashedPassword string   // bcrypt; either this
	Password       string   // or this

	from origin
}

// origin is where in a file a user stands. The zero origin is no file.
type origin struct {
	line  int // from 1
	index int // in an array or object, from 0; noIndex elsewhere
}

const noIndex = -1

func (o origin) String() string {
	if o.index == noIndex {
		return fmt.Sprintf("line %d", o.line)
	}
	return fmt.Sprintf("index %d (line %d)", o.index, o.line)
}

// offender says whose fault an error is.
func offender(from origin, name string, err error) error {
	switch {
	case from == origin{}:
		return fmt.Errorf("user %q: %w", name, err)
	case name == "":
		return fmt.Errorf("%v: %w", from, err)
	}
	return fmt.Errorf("%v, user %q: %w", from, name, err)
}

// check returns the first rule the user breaks, and brings the name to its form.
func (u *ImportedUser) check() error {
	if u.Username == "" {
		return refuse(ErrRefused, "username is missing")
	}
	name, err := credentials.Username(u.Username)
	if err != nil {
		return err
	}
	u.Username = name
	switch {
	case u.Password != "" && u.HashedPassword != "":
		return refuse(ErrRefused, "both password and hashed_password are given: keep one of them")
	case u.Password != "":
		err = credentials.CheckPassword(u.Password, u.Username, u.Email)
	case u.HashedPassword != "":
		_, err = credentials.ParseHash(u.HashedPassword)
	default:
		return refuse(ErrRefused, "neither password nor hashed_password is given")
	}
	if err != nil {
		return err
	}
	return checkProfile(u.Email, u.FullName, u.Scopes)
}

// decode reads the members of a user. encoding/json alone would take members
// twice, in other cases, and with bytes that are not UTF-8.
func (u *ImportedUser) decode(object []byte) error {
	if !utf8.Valid(object) {
		return refuse(ErrRefused, "not valid UTF-8: save the file as UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return refuse(ErrRefused, "a user must be a JSON object, such as {\"username\": \"ann\", …}")
	}
	var seen []string
	var first error // reported once the username, which may come later, is known
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		member, _ := token.(string)
		err = u.set(member, value)
		if slices.Contains(seen, member) {
			err = refuse(ErrRefused, "member %q is there twice: keep one of them", member)
		}
		seen = append(seen, member)
		if first == nil {
			first = err
		}
	}
	return first
}

// set sets one member. null leaves it as it is.
func (u *ImportedUser) set(member string, value []byte) error {
	var target any
	want := "a string"
	switch member {
	case "username":
		target = &u.Username
	case "email":
		target = &u.Email
	case "full_name":
		target = &u.FullName
	case "password":
		target = &u.Password
	case "hashed_password":
		target = &u.HashedPassword
	case "disabled":
		target, want = &u.Disabled, "true or false"
	case "scopes":
		if value[0] == '"' {
			return u.setScopes(value)
		}
		target, want = &u.Scopes, "an array of strings, or one string with spaces"
	default:
		return refuse(ErrRefused, "unknown member %q: use username, email, full_name, disabled, scopes, hashed_password, password", member)
	}
	if json.Unmarshal(value, target) != nil {
		return refuse(ErrRefused, "%s must be %s", member, want)
	}
	return nil
}

// setScopes reads scopes from one string (RFC 6749 §3.3). An empty one is an
// empty list, and not nil, which would be the default.
func (u *ImportedUser) setScopes(value []byte) error {
	var line string
	if err := json.Unmarshal(value, &line); err != nil {
		return err
	}
	words, err := scope.Parse(line)
	if err != nil {
		return fmt.Errorf("scopes: %w", err)
	}
	u.Scopes = append([]string{}, words...)
	return nil
}
