package provider

import (
	"net/url"
	"slices"

	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// requestedScopes returns the scopes a request asks for, and nil where it asks
// for none.
func requestedScopes(r *Request) ([]string, error) {
	scopes, err := scope.Parse(r.get("scope"))
	if err != nil {
		return nil, badRequest(codeInvalidScope, "The scope parameter is malformed: names of printable ASCII characters, separated by spaces.")
	}
	return scopes, nil
}

// clientScopes returns what the client asks for, or its defaults (RFC 6749 §3.3).
func clientScopes(r *Request, c storage.Client) ([]string, error) {
	scopes, err := requestedScopes(r)
	if err != nil {
		return nil, err
	}
	if scopes == nil {
		scopes = c.DefaultScopes
	}
	if len(scopes) == 0 {
		scopes = c.Scopes
	}
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) {
			return nil, badRequest(codeInvalidScope, "This client may not ask for the scope %q.", s)
		}
	}
	if len(scopes) == 0 {
		return nil, errNoScope
	}
	return scopes, nil
}

var errNoScope = badRequest(codeInvalidScope, "None of the scopes can be granted.")

// requestedAudiences returns what resource (RFC 8707 §2) and audience name, in
// order, each once.
func requestedAudiences(r *Request) ([]string, error) {
	var audiences []string
	for _, uri := range r.form["resource"] {
		if u, err := url.Parse(uri); err != nil || !u.IsAbs() || u.Fragment != "" {
			return nil, badRequest(codeInvalidTarget, "The resource parameter must be an absolute URI without a fragment.")
		}
		audiences = append(audiences, uri)
	}
	audiences = append(audiences, r.form["audience"]...)
	var once []string
	seen := make(map[string]bool) // thousands fit into a body
	for _, a := range audiences {
		if !seen[a] {
			seen[a] = true
			once = append(once, a)
		}
	}
	return once, nil
}

// clientAudiences returns the audiences of a new token: those asked for, each of
// which the client must be allowed to name, or the default one.
func (p *Provider) clientAudiences(r *Request, c storage.Client) ([]string, error) {
	audiences, err := requestedAudiences(r)
	if err != nil {
		return nil, err
	}
	for _, a := range audiences {
		if a != p.cfg.DefaultAudience && !slices.Contains(c.Audiences, a) {
			return nil, badRequest(codeInvalidTarget, "This client may not ask for tokens for %q.", a)
		}
	}
	if len(audiences) == 0 {
		audiences = []string{p.cfg.DefaultAudience}
	}
	return audiences, nil
}

// narrowedScopes returns the scopes of a refreshed token: those asked for, or all
// granted, as far as client and user still have them (RFC 6749 §6).
func narrowedScopes(r *Request, s storage.Session) ([]string, error) {
	scopes, err := requestedScopes(r)
	if err != nil {
		return nil, err
	}
	if scopes == nil {
		scopes = s.Scopes
	}
	for _, name := range scopes {
		if !slices.Contains(s.Scopes, name) {
			return nil, badRequest(codeInvalidScope, "The scope %q was not granted at the login.", name)
		}
	}
	scopes = scope.Intersect(scope.Intersect(scopes, s.Client.Scopes), s.User.Scopes)
	if len(scopes) == 0 {
		return nil, errNoScope
	}
	return scopes, nil
}

// narrowedAudiences returns the audiences of a refreshed token: some of those
// granted, or all.
func narrowedAudiences(r *Request, s storage.Session) ([]string, error) {
	audiences, err := requestedAudiences(r)
	if err != nil {
		return nil, err
	}
	for _, a := range audiences {
		if !slices.Contains(s.Audiences, a) {
			return nil, badRequest(codeInvalidTarget, "The login was not for %q.", a)
		}
	}
	if len(audiences) == 0 {
		audiences = s.Audiences
	}
	return audiences, nil
}
