package adminapi

import (
	"net/http"
	"strings"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// Sessions is a page of a user's sessions.
type Sessions struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"` // after of the next page; none after the last
}

func (a *api) listSessions(r *http.Request) (Answer, error) {
	p, err := pageOf(r)
	if err != nil {
		return Answer{}, err
	}
	list, err := a.Sessions.Page(r.Context(), r.PathValue("username"), p.after, p.limit+1)
	if err != nil {
		return Answer{}, err
	}
	list, next := cut(p, list, func(g storage.Grant) string { return g.ID })
	return found(Sessions{each(list, sessionOf), next})
}

func (a *api) endSession(r *http.Request) (Answer, error) {
	about(r, r.PathValue("username")+" "+r.PathValue("session"))
	return done, a.Sessions.End(r.Context(), r.PathValue("username"), r.PathValue("session"))
}

// Revocation is the body of POST /admin/revocations: one of the four.
type Revocation struct {
	User   string `json:"user"`   // all sessions and tokens of a user end
	Client string `json:"client"` // all that a client was issued
	Token  string `json:"token"`  // an access token, or a refresh token with its session
	All    bool   `json:"all"`    // all that any client was issued, the token that asks included
}

// Revoked is the answer where all was to end.
type Revoked struct {
	Clients int `json:"clients"` // how many clients' sessions and tokens ended
}

func (a *api) revoke(r *http.Request) (Answer, error) {
	var n Revocation
	if err := decode(r, &n); err != nil {
		return Answer{}, err
	}
	for _, name := range []string{n.User, n.Client} {
		if credentials.LooksLikeRefreshToken(name) || strings.HasPrefix(name, "eyJ") {
			return Answer{}, invalid("that is a token: send it as token") // and keep it out of the log
		}
	}
	switch n {
	case Revocation{User: n.User}:
		if n.User == "" {
			break
		}
		about(r, "user="+n.User)
		return done, a.Tokens.RevokeUser(r.Context(), n.User)
	case Revocation{Client: n.Client}:
		about(r, "client="+n.Client)
		return done, a.Tokens.RevokeClient(r.Context(), n.Client)
	case Revocation{Token: n.Token}:
		about(r, "token")
		return done, a.EndToken(r.Context(), n.Token)
	case Revocation{All: true}:
		about(r, "all")
		clients, err := a.Tokens.RevokeAll(r.Context())
		if err != nil {
			return Answer{}, err
		}
		return found(Revoked{clients})
	}
	return Answer{}, invalid("name one of user, client, token and all")
}

// Throttles are the users who failed to log in of late, and the users and networks
// that are refused for it.
type Throttles struct {
	Throttles []Throttle `json:"throttles"`
}

func (a *api) listThrottles(r *http.Request) (Answer, error) {
	list, err := a.Throttle.List(r.Context())
	if err != nil {
		return Answer{}, err
	}
	return found(Throttles{each(list, ThrottleOf)})
}

// clearThrottle does not tell whether there is such a user, as the command line
// does not fail where there is none.
func (a *api) clearThrottle(r *http.Request) (Answer, error) {
	about(r, r.PathValue("username"))
	_, _, err := a.Throttle.Clear(r.Context(), r.PathValue("username"))
	return done, err
}
