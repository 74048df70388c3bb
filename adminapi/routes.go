package adminapi

import (
	"context"
	"net/http"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/audit"
)

// Config is what the routes stand on; all of it is required.
type Config struct {
	Users    *admin.Users
	Clients  *admin.Clients
	Sessions *admin.Sessions
	Tokens   *admin.Tokens
	Throttle *admin.Throttle
	// Keys opens the signing keys under the master key of now, whose file may have
	// changed since the last call.
	Keys func(context.Context) (*admin.Keys, error)
	// EndToken ends an access token, or the session of a refresh token. It returns nil
	// for one that is no good anyway.
	EndToken func(ctx context.Context, token string) error
}

// Route is one kind of request. Names in braces in its Path are found with
// [http.Request.PathValue].
type Route struct {
	Method string
	Path   string
	Event  string // in the audit log; empty where nothing changes
	Body   bool   // it takes one, which Serve reads to its end
	Hashes bool   // it hashes what people choose, which takes long
	// Serve does what is asked for. Its error is a [*Refusal] or a fault.
	Serve func(*http.Request) (Answer, error)
}

// Answer is what a request that was done is answered with.
type Answer struct {
	Status   int
	Body     any    // JSON; nil for none
	Location string // path of what was made
}

var done = Answer{Status: http.StatusNoContent}

func found(v any) (Answer, error) { return Answer{Status: http.StatusOK, Body: v}, nil }

type api struct{ Config }

// Routes returns all routes.
func Routes(c Config) []Route {
	const get, post, put, patch, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	const user, client = "/admin/users/{username}", "/admin/clients/{client_id}"
	a := &api{c}
	routes := []Route{
		{Method: get, Path: "/admin/users", Serve: a.listUsers},
		{Method: post, Path: "/admin/users", Event: "user.add", Body: true, Hashes: true, Serve: a.addUser},
		{Method: get, Path: user, Serve: a.showUser},
		{Method: patch, Path: user, Event: "user.change", Body: true, Serve: a.changeUser},
		{Method: remove, Path: user, Event: "user.remove", Serve: a.removeUser},
		{Method: put, Path: user + "/password", Event: "user.set-password", Body: true, Hashes: true, Serve: a.setPassword},
		{Method: get, Path: user + "/sessions", Serve: a.listSessions},
		{Method: remove, Path: user + "/sessions/{session}", Event: "session.end", Serve: a.endSession},
		{Method: remove, Path: user + "/throttle", Event: "throttle.clear", Serve: a.clearThrottle},

		{Method: get, Path: "/admin/clients", Serve: a.listClients},
		{Method: post, Path: "/admin/clients", Event: "client.add", Body: true, Hashes: true, Serve: a.addClient},
		{Method: get, Path: client, Serve: a.showClient},
		{Method: patch, Path: client, Event: "client.change", Body: true, Serve: a.changeClient},
		{Method: remove, Path: client, Event: "client.remove", Serve: a.removeClient},
		{Method: post, Path: client + "/secret", Event: "client.rotate-secret", Body: true, Hashes: true, Serve: a.rotateSecret},

		{Method: get, Path: "/admin/keys", Serve: a.listKeys},
		{Method: post, Path: "/admin/keys", Event: "key.rotate", Body: true, Serve: a.rotateKey},
		{Method: remove, Path: "/admin/keys/{kid}", Event: "key.retire", Serve: a.retireKey},

		{Method: post, Path: "/admin/revocations", Event: "token.revoke", Body: true, Serve: a.revoke},
		{Method: get, Path: "/admin/throttle", Serve: a.listThrottles},
	}
	for i := range routes {
		serve := routes[i].Serve
		routes[i].Serve = func(r *http.Request) (Answer, error) {
			answer, err := serve(r)
			if err != nil {
				return Answer{}, a.refusalOf(err)
			}
			return answer, nil
		}
	}
	return routes
}

// about notes in the audit record what a request is to change.
func about(r *http.Request, what string) { audit.Of(r.Context()).Object = what }
