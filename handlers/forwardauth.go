package handlers

import (
	"net/http"
	"net/url"

	"github.com/usher-oauth/usher/resource"
	"github.com/usher-oauth/usher/scope"
)

// The headers by which a proxy learns whose request it lets through. The name of
// a user may have letters beyond ASCII, in UTF-8.
const (
	authSubjectHeader  = "X-Auth-Subject"
	authUsernameHeader = "X-Auth-Username" // only where a user is behind the token
	authClientHeader   = "X-Auth-Client"
	authScopeHeader    = "X-Auth-Scope"
)

// verify answers GET /verify, by which a proxy asks for an API that knows
// nothing of tokens: auth_request of nginx, ForwardAuth of Traefik, forward_auth
// of Caddy. 204 lets the request through; 401 and 403 are those of the bearer
// resources (RFC 6750, section 3), for the proxy to pass on.
func (s *server) verify(w http.ResponseWriter, r *http.Request) error {
	guard, scopes, err := s.demanded(r.URL.RawQuery)
	if err != nil && r.Header.Get("Authorization") == "" {
		guard, err = s.guard, nil // which says so: a token in the query is none
	}
	if err != nil {
		return err
	}
	guard.Require(s.claimed(s.vouch), scopes...).ServeHTTP(w, r)
	return nil
}

// vouch says who is behind the token that the guard let through.
func (s *server) vouch(w http.ResponseWriter, r *http.Request, claims resource.Claims) error {
	username, err := s.Provider.Username(r.Context(), claims)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set(authSubjectHeader, claims.Subject)
	if username != "" {
		h.Set(authUsernameHeader, username)
	}
	h.Set(authClientHeader, claims.ClientID)
	h.Set(authScopeHeader, claims.Scope)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// demanded reads what the query of a proxy demands of tokens: scope, a list of
// scopes that all must be there, and audience, in place of the default one. The
// two are the proxy's own words, so one that is not understood is an error, never
// a smaller demand.
func (s *server) demanded(rawQuery string) (*resource.Resource, []string, error) {
	if rawQuery == "" {
		return s.guard, nil, nil
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, nil, badRequest("The query is not validly encoded.")
	}
	for name, values := range query {
		if name != "scope" && name != "audience" {
			return nil, nil, badRequest("Parameter %q is unknown here: there are \"scope\" and \"audience\".", name)
		}
		if len(values) > 1 {
			return nil, nil, badRequest("Parameter %q must not be repeated.", name)
		}
	}
	scopes, err := scope.Parse(query.Get("scope"))
	if err != nil {
		return nil, nil, badRequest("Parameter \"scope\" is malformed: names of printable ASCII characters, separated by spaces.")
	}
	guard := s.guard
	if audience := query.Get("audience"); audience != "" {
		guard = guard.For(audience)
	}
	return guard, scopes, nil
}
