package storage_test

import (
	"errors"
	"net/http"
	"strings"

	"github.com/usher-oauth/usher/storage"
)

// administer asks as an operator.
func (w *world) administer(h *node, method, target, body string) answer {
	w.t.Helper()
	if w.operator == "" {
		w.operator = w.send(w.sound, http.MethodPost, "/token", "ops", "", "grant_type", "client_credentials").Access
	}
	return w.sendBody(h, method, target, "", w.operator, "application/json", body)
}

// administrationCases are changes by an operator. Two sessions of a user are there
// first, in first and second.
func administrationCases(first, second *tokens) []faultCase {
	logins := func(w *world) {
		w.newUser(w.users.Pool)
		*first, *second = w.mustLogin(w.sound), w.mustLogin(w.sound)
		w.administer(w.sound, http.MethodGet, "/admin/users/"+w.user, "") // a token is there
	}
	live := func(w *world, want bool) {
		w.t.Helper()
		for _, token := range []string{first.Access, first.Refresh, second.Access, second.Refresh} {
			w.lives(want, "a token of the user", token)
		}
	}
	user := func(w *world) storage.User {
		u, err := w.users.Store.UserByName(w.t.Context(), w.user)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			w.t.Fatal(err)
		}
		return u
	}
	// change is one that ends both sessions, or neither.
	change := func(name, method, path, body string, status, again int, is func(w *world) bool) faultCase {
		ask := func(w *world) answer {
			a := w.administer(w.sick, method, strings.ReplaceAll(path, "{user}", w.user), strings.ReplaceAll(body, "{user}", w.user))
			w.ended(w.sick, a)
			return a
		}
		return faultCase{name: name, status: status, prepare: func(w *world) func() answer {
			logins(w)
			return func() answer { return ask(w) }
		}, happened: func(w *world) bool {
			w.t.Helper()
			happened := is(w)
			if !happened || w.by != nil {
				live(w, !happened)
			}
			return happened
		}, later: func(w *world, happened bool) {
			w.t.Helper()
			want := status
			if happened {
				want = again
			}
			if a := ask(w); a.status != want {
				w.t.Errorf("again: got %d %s, want %d", a.status, a.body, want)
			}
			live(w, false)
		}}
	}
	return []faultCase{
		{name: "administration: a new user", status: 201, prepare: func(w *world) func() answer {
			logins(w)
			w.user += "-new"
			return func() answer {
				return w.administer(w.sick, http.MethodPost, "/admin/users", `{"username":"`+w.user+`","password":"`+worldPassword+`"}`)
			}
		}, happened: func(w *world) bool { return user(w).Username != "" }, later: func(w *world, happened bool) {
			if a := w.login(w.sick, worldPassword); (a.status == 200) != happened {
				w.t.Errorf("login: got %d %s, want it to work: %t", a.status, a.body, happened)
			}
		}},
		change("administration: a user is disabled", http.MethodPatch, "/admin/users/{user}", `{"disabled":true,"full_name":"Gone"}`, 200, 200, func(w *world) bool {
			u := user(w)
			if u.Disabled != (u.FullName == "Gone") {
				w.t.Errorf("half a change: got %+v", u)
			}
			return u.Disabled
		}),
		change("administration: a user is removed", http.MethodDelete, "/admin/users/{user}", "", 204, 404, func(w *world) bool { return user(w).Username == "" }),
		change("administration: all of a user is revoked", http.MethodPost, "/admin/revocations", `{"user":"{user}"}`, 204, 204, func(w *world) bool { return !w.active(w.sound, second.Refresh) }),
	}
}
