package admin

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/usher-oauth/usher/scope"
)

// ParseUsersCSV reads users to import from comma-separated values (RFC 4180). The
// first line names the columns, in any order: username, and email, full_name,
// disabled (true or false), scopes (separated by spaces), hashed_password (bcrypt),
// password. An empty field counts as absent. Errors are those of [ParseUsers].
func ParseUsersCSV(r io.Reader) ([]ImportedUser, error) {
	rows := csv.NewReader(withoutMark(r))
	columns, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errNoUsers
	}
	if err == nil {
		err = checkColumns(columns)
	}
	if err != nil {
		return nil, brokenCSV(err)
	}
	var set userSet
	for {
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return set.users, nil
		}
		if err != nil {
			return nil, brokenCSV(err)
		}
		line, _ := rows.FieldPos(0)
		u := ImportedUser{from: origin{line, noIndex}}
		for i, field := range fields {
			if wrong := u.setField(columns[i], field); err == nil {
				err = wrong // the others still count: one may be the name
			}
		}
		name := u.Username // as it is written, for people
		if err == nil {
			err = set.add(u)
		}
		if err != nil {
			return nil, offender(u.from, name, err)
		}
	}
}

// checkColumns refuses what would leave something of the users out unseen.
func checkColumns(columns []string) error {
	known := []string{"username", "email", "full_name", "disabled", "scopes", "hashed_password", "password"}
	for i, c := range columns {
		if !slices.Contains(known, c) {
			return refuse(ErrRefused, "line 1: unknown column %q: use %s, separated by commas", c, strings.Join(known, ", "))
		}
		if slices.Contains(columns[:i], c) {
			return refuse(ErrRefused, "line 1: column %q is there twice: keep one of them", c)
		}
	}
	if !slices.Contains(columns, "username") {
		return refuse(ErrRefused, "line 1: there is no column username: the first line must name the columns")
	}
	return nil
}

func (u *ImportedUser) setField(column, field string) error {
	if field == "" {
		return nil
	}
	switch column {
	case "username":
		u.Username = field
	case "email":
		u.Email = field
	case "full_name":
		u.FullName = field
	case "hashed_password":
		u.HashedPassword = field
	case "password":
		u.Password = field
	case "disabled":
		if field != "true" && field != "false" {
			return refuse(ErrRefused, "disabled must be true or false")
		}
		u.Disabled = field == "true"
	case "scopes":
		words, err := scope.Parse(field)
		if err != nil {
			return fmt.Errorf("scopes: %w", err)
		}
		u.Scopes = append([]string{}, words...)
	}
	return nil
}

// brokenCSV tells an error of the reader, in one line.
func brokenCSV(err error) error {
	if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(err, csv.ErrFieldCount) {
			return refuse(ErrRefused, "line %d: it has more or fewer fields than the first line has columns", syntax.StartLine)
		}
		return refuse(ErrRefused, "line %d: not CSV: %v", syntax.Line, syntax.Err)
	}
	if errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("reading users: %w", err)
}
