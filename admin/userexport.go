package admin

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/usher-oauth/usher/storage"
)

// ExportedUser is a user in the form that [ParseUsers] reads.
type ExportedUser struct {
	Username       string   `json:"username"`
	Email          string   `json:"email,omitempty"`
	FullName       string   `json:"full_name,omitempty"`
	Disabled       bool     `json:"disabled"`
	Scopes         []string `json:"scopes"`
	HashedPassword string   `json:"hashed_password,omitempty"`
}

func exported(u storage.User, hashes bool) ExportedUser {
	e := ExportedUser{Username: u.Username, Email: u.Email, FullName: u.FullName, Disabled: u.Disabled, Scopes: append([]string{}, u.Scopes...)}
	if hashes {
		e.HashedPassword = u.PasswordHash
	}
	return e
}

// WriteUsers writes users as JSON, one a line, as [ParseUsers] reads them. Without
// hashes they are a list of people, and no import.
func WriteUsers(w io.Writer, users []storage.User, hashes bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, u := range users {
		if err := enc.Encode(exported(u, hashes)); err != nil {
			return err
		}
	}
	return nil
}

// WriteUsersCSV writes users as [ParseUsersCSV] reads them.
func WriteUsersCSV(w io.Writer, users []storage.User, hashes bool) error {
	rows := csv.NewWriter(w)
	columns := []string{"username", "email", "full_name", "disabled", "scopes"}
	if hashes {
		columns = append(columns, "hashed_password")
	}
	_ = rows.Write(columns) // Error tells
	for _, user := range users {
		u := exported(user, hashes)
		row := []string{u.Username, u.Email, u.FullName, strconv.FormatBool(u.Disabled), strings.Join(u.Scopes, " ")}
		if hashes {
			row = append(row, u.HashedPassword)
		}
		_ = rows.Write(row)
	}
	rows.Flush()
	return rows.Error()
}
