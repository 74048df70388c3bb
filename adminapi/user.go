package adminapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/storage"
)

// Users is a page of users.
type Users struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty"` // after of the next page; none after the last
}

func (a *api) listUsers(r *http.Request) (Answer, error) {
	p, err := pageOf(r)
	if err != nil {
		return Answer{}, err
	}
	list, err := a.Users.Page(r.Context(), p.after, p.limit+1)
	if err != nil {
		return Answer{}, err
	}
	list, next := cut(p, list, func(u storage.User) string { return u.Username })
	return found(Users{each(list, UserOf), next})
}

// NewUser is the body of POST /admin/users.
type NewUser struct {
	Username string   `json:"username"`
	Email    string   `json:"email"`
	FullName string   `json:"full_name"`
	Scopes   []string `json:"scopes"` // null: profile
	Password string   `json:"password"`
}

func (a *api) addUser(r *http.Request) (Answer, error) {
	var n NewUser
	if err := decode(r, &n); err != nil {
		return Answer{}, err
	}
	about(r, n.Username+said("scopes", n.Scopes))
	u, err := a.Users.Add(r.Context(), admin.NewUser{Username: n.Username, Email: n.Email, FullName: n.FullName, Scopes: n.Scopes}, n.Password)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: http.StatusCreated, Body: UserOf(u), Location: "/admin/users/" + url.PathEscape(u.Username)}, nil
}

func (a *api) showUser(r *http.Request) (Answer, error) {
	u, err := a.Users.Show(r.Context(), r.PathValue("username"))
	if err != nil {
		return Answer{}, err
	}
	return found(UserOf(u))
}

// UserChange is the body of PATCH /admin/users/{username}. What is null or not there
// stays as it is.
type UserChange struct {
	Email    *string  `json:"email"`
	FullName *string  `json:"full_name"`
	Scopes   []string `json:"scopes"`
	Disabled *bool    `json:"disabled"`
}

func (a *api) changeUser(r *http.Request) (Answer, error) {
	about(r, r.PathValue("username"))
	var c UserChange
	if err := decode(r, &c); err != nil {
		return Answer{}, err
	}
	about(r, r.PathValue("username")+given("email", c.Email != nil)+given("full_name", c.FullName != nil)+said("scopes", c.Scopes)+told("disabled", c.Disabled))
	u, err := a.Users.Change(r.Context(), r.PathValue("username"), admin.UserChange(c))
	if err != nil {
		return Answer{}, err
	}
	return found(UserOf(u))
}

// Password is the body of PUT /admin/users/{username}/password.
type Password struct {
	Password string `json:"password"`
}

func (a *api) setPassword(r *http.Request) (Answer, error) {
	about(r, r.PathValue("username"))
	var p Password
	if err := decode(r, &p); err != nil {
		return Answer{}, err
	}
	return done, a.Users.SetPassword(r.Context(), r.PathValue("username"), p.Password)
}

func (a *api) removeUser(r *http.Request) (Answer, error) {
	about(r, r.PathValue("username"))
	return done, a.Users.Remove(r.Context(), r.PathValue("username"))
}

// said, told and given write for the audit log which members a request had, as the
// command line writes its flags.
func said(name string, list []string) string {
	if list == nil {
		return ""
	}
	return fmt.Sprintf(" %s=[%s]", name, strings.Join(list, " "))
}

func told(name string, b *bool) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf(" %s=%t", name, *b)
}

func given(name string, is bool) string {
	if !is {
		return ""
	}
	return " " + name
}
