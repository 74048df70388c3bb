package storage_test

import (
	"net/http"
)

// faultCase is a request and what is known of it whatever goes wrong.
type faultCase struct {
	name string
	// prepare makes what the request needs and returns how to ask.
	prepare func(w *world) (ask func() answer)
	// status is the answer while nothing goes wrong.
	status int
	// happened tells, by the sound server, whether the request had its effect, all of
	// it or none; nil for a request without any.
	happened func(w *world) bool
	// later uses what the request was about once all is well again.
	later func(w *world, happened bool)
	// improves says that the request also renews a hash, without a duty to.
	improves bool
	// remembered says that a node which hears of changes may answer from memory.
	remembered bool
}

// faultCases are the outcomes of every route that asks the database.
func faultCases() []faultCase {
	var first, second, third tokens
	var machine string
	me := func(w *world, token string) func() answer {
		return func() answer { return w.send(w.sick, http.MethodGet, "/users/me", "", token) }
	}
	loggedIn := func(w *world) {
		w.newUser(w.users.Pool)
		first = w.mustLogin(w.sick)
	}
	refreshed := func(w *world) {
		loggedIn(w)
		second = w.refresh(w.sick, first.Refresh).tokens
	}
	machineToken := func(w *world) answer {
		return w.send(w.sick, http.MethodPost, "/token", "job", "", "grant_type", "client_credentials")
	}
	all := func(w *world, want bool) {
		w.t.Helper()
		for what, token := range map[string]string{"access token": first.Access, "refresh token": second.Refresh, "second access token": second.Access} {
			if token != "" {
				w.lives(want, what, token)
			}
		}
	}
	ended := func(w *world) bool { // a whole grant
		w.t.Helper()
		is := !w.active(w.sound, second.Refresh)
		if !is || w.by != nil { // else that is seen when it was asked again
			all(w, !is)
		}
		return is
	}
	repeated := func(ask func(w *world) answer, status int, want func(w *world)) func(*world, bool) {
		return func(w *world, _ bool) {
			w.t.Helper()
			if a := ask(w); a.status != status {
				w.t.Errorf("again: got %d %s, want %d", a.status, a.body, status)
			}
			want(w)
		}
	}
	nothing := func(*world) {}
	dead := func(w *world) { w.t.Helper(); all(w, false) }
	// one successor: what the token is answered now is the only one it has, and that
	// is good for one more.
	successor := func(w *world, _ bool) {
		w.t.Helper()
		a, b := w.refresh(w.sick, first.Refresh), w.refresh(w.sound, first.Refresh)
		if a.status != 200 || a.tokens != b.tokens {
			w.t.Fatalf("a refresh token has two successors: %d %s, %d %s", a.status, a.body, b.status, b.body)
		}
		if second.Refresh != "" && a.tokens != second {
			w.t.Error("a refresh token that was answered has another successor")
		}
		w.lives(true, "successor", a.Refresh)
		third = w.refresh(w.sick, a.Refresh).tokens
		w.lives(true, "the successor's successor", third.Refresh)
		if a := w.refresh(w.sick, first.Refresh); a.status != 400 {
			w.t.Errorf("reuse: got %d %s, want 400", a.status, a.body)
		}
		w.lives(false, "after reuse", third.Refresh)
		w.lives(false, "after reuse", third.Access)
	}
	reset := func(next func(w *world) func() answer) func(*world) func() answer {
		return func(w *world) func() answer {
			first, second, third = tokens{}, tokens{}, tokens{}
			return next(w)
		}
	}
	cases := []faultCase{
		{name: "login", status: 200, prepare: func(w *world) func() answer {
			w.newUser(w.users.Pool)
			return func() answer { return w.login(w.sick, worldPassword) }
		}, happened: (*world).grantOfUser, later: func(w *world, _ bool) {
			first = w.mustLogin(w.sick)
			all(w, true)
		}},
		{name: "login that renews the hash", status: 200, improves: true, prepare: func(w *world) func() answer {
			w.newUser(w.dear)
			return func() answer { return w.login(w.sick, worldPassword) }
		}, happened: (*world).grantOfUser, later: func(w *world, _ bool) {
			first = w.mustLogin(w.sick)
			all(w, true)
		}},
		{name: "login with a wrong password", status: 400, prepare: func(w *world) func() answer {
			w.newUser(w.users.Pool)
			return func() answer { return w.login(w.sick, "wrong horse battery") }
		}, later: func(w *world, _ bool) { w.mustLogin(w.sick) }},
		{name: "refresh", status: 200, prepare: func(w *world) func() answer {
			loggedIn(w)
			return func() answer { return w.refresh(w.sick, first.Refresh) }
		}, happened: func(w *world) bool { return !w.active(w.sound, first.Refresh) }, later: successor},
		{name: "refresh tried again", status: 200, prepare: func(w *world) func() answer {
			refreshed(w)
			return func() answer { return w.refresh(w.sick, first.Refresh) }
		}, later: successor},
		{name: "reuse", status: 400, prepare: func(w *world) func() answer {
			refreshed(w)
			older := second.Refresh
			second = w.refresh(w.sick, older).tokens
			return func() answer { return w.refresh(w.sick, first.Refresh) }
		}, happened: ended, later: repeated(func(w *world) answer { return w.refresh(w.sick, first.Refresh) }, 400, dead)},
		{name: "client credentials", status: 200, remembered: true, prepare: func(w *world) func() answer {
			return func() answer { return machineToken(w) }
		}, later: func(w *world, _ bool) { w.lives(true, "machine's token", machineToken(w).Access) }},
		{name: "introspection of an access token", status: 200, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			return func() answer { return w.introspect(w.sick, first.Access) }
		}, later: func(w *world, _ bool) { all(w, true) }},
		{name: "introspection of a refresh token", status: 200, prepare: func(w *world) func() answer {
			refreshed(w)
			return func() answer { return w.introspect(w.sick, second.Refresh) }
		}, later: func(w *world, _ bool) { all(w, true) }},
		{name: "introspection of a machine's token", status: 200, remembered: true, prepare: func(w *world) func() answer {
			machine = machineToken(w).Access
			return func() answer { return w.introspect(w.sick, machine) }
		}, later: func(w *world, _ bool) { w.lives(true, "machine's token", machine) }},
		{name: "introspection of a token revoked on another node", status: 200, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			w.revokeElsewhere(first.Access)
			return func() answer { return w.introspect(w.sick, first.Access) }
		}, later: func(w *world, _ bool) { all(w, false) }},
		{name: "introspection of a refresh token revoked on another node", status: 200, prepare: func(w *world) func() answer {
			refreshed(w)
			w.revoke(w.sound, second.Refresh)
			return func() answer { return w.introspect(w.sick, second.Refresh) }
		}, later: func(w *world, _ bool) { all(w, false) }},
		{name: "revocation of an access token", status: 200, prepare: func(w *world) func() answer {
			loggedIn(w)
			return func() answer { return w.revoke(w.sick, first.Access) }
		}, happened: func(w *world) bool {
			w.lives(true, "the refresh token", first.Refresh)
			is := w.revoked(first.Access)
			if !is || w.by != nil {
				w.lives(!is, "the access token", first.Access)
			}
			return is
		}, later: repeated(func(w *world) answer { return w.revoke(w.sick, first.Access) }, 200, dead)},
		{name: "revocation of a refresh token", status: 200, prepare: func(w *world) func() answer {
			refreshed(w)
			return func() answer { return w.revoke(w.sick, second.Refresh) }
		}, happened: ended, later: repeated(func(w *world) answer { return w.revoke(w.sick, second.Refresh) }, 200, dead)},
		{name: "revocation of a used refresh token", status: 200, prepare: func(w *world) func() answer {
			refreshed(w)
			return func() answer { return w.revoke(w.sick, first.Refresh) }
		}, happened: ended, later: repeated(func(w *world) answer { return w.revoke(w.sick, first.Refresh) }, 200, dead)},
		{name: "/users/me", status: 200, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			return me(w, first.Access)
		}, later: func(w *world, _ bool) { all(w, true) }},
		{name: "/users/me with a token revoked on another node", status: 401, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			w.revokeElsewhere(first.Access)
			return me(w, first.Access)
		}, later: func(w *world, _ bool) {
			repeated(func(w *world) answer { return me(w, first.Access)() }, 401, nothing)(w, true)
		}},
		{name: "/verify", status: 204, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			return func() answer { return w.send(w.sick, http.MethodGet, "/verify?scope=profile", "", first.Access) }
		}, later: func(w *world, _ bool) { all(w, true) }},
		{name: "/protected", status: 200, remembered: true, prepare: func(w *world) func() answer {
			loggedIn(w)
			return func() answer { return w.send(w.sick, http.MethodGet, "/protected", "", first.Access) }
		}, later: func(w *world, _ bool) { all(w, true) }},
		passwordChange("password change", &first, &second, false),
		passwordChange("password change of a hash to renew", &first, &second, true),
	}
	cases = append(cases, administrationCases(&first, &second)...)
	for i := range cases {
		cases[i].prepare = reset(cases[i].prepare)
	}
	return cases
}

const nextPassword = "next horse battery"

// passwordChange ends the session other but not own.
func passwordChange(name string, own, other *tokens, renews bool) faultCase {
	ask := func(w *world) answer { return w.changePassword(w.sick, own.Access) }
	return faultCase{name: name, status: 204, prepare: func(w *world) func() answer {
		pool := w.users.Pool
		if renews {
			pool = w.dear
		}
		w.newUser(pool)
		*own, *other = w.mustLogin(w.sound), w.mustLogin(w.sound)
		return func() answer { return ask(w) }
	}, happened: func(w *world) bool {
		w.t.Helper()
		before, after := w.login(w.sound, worldPassword).status, w.login(w.sound, nextPassword).status
		if (before == 200) == (after == 200) {
			w.t.Errorf("logins with the old and the new password: got %d and %d, want one to work", before, after)
		}
		w.lives(true, "the session that asked", own.Access)
		w.lives(before == 200, "the other session's access token", other.Access)
		w.lives(before == 200, "the other session's refresh token", other.Refresh)
		return after == 200
	}, later: func(w *world, happened bool) {
		w.t.Helper()
		want := 204
		if happened {
			want = 403 // the current one is the new one by now
		}
		if a := ask(w); a.status != want {
			w.t.Errorf("again: got %d %s, want %d", a.status, a.body, want)
		}
		w.lives(false, "the other session", other.Access)
		w.lives(true, "the session that asked", own.Refresh)
	}}
}
