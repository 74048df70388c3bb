package admin

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
)

// The grants a client can have (RFC 6749 §4.3, §6, §4.4).
const (
	GrantPassword          = "password"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

// NewClient is what is told of a client to be added.
type NewClient struct {
	ID            string
	Name          string
	Public        bool     // has no secret (RFC 6749 §2.1)
	Grants        []string // empty only for a client that introspects and nothing else
	Scopes        []string // nil: profile
	DefaultScopes []string // what it gets without asking; empty: Scopes
	Audiences     []string // what it may name beside the default audience
	Introspect    bool     // may look into the tokens of other clients
}

// check returns the first rule the client breaks.
func (n *NewClient) check() error {
	for _, check := range []func() error{n.checkNames, n.checkGrants, n.checkScopes, n.checkAudiences} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// once returns the words of a list in their order, each once; of nil it is nil.
func once(list []string) []string {
	if list == nil {
		return nil
	}
	words := []string{}
	for _, word := range list {
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

func (n *NewClient) checkNames() error {
	if err := credentials.ClientID(n.ID); err != nil {
		return err
	}
	return checkText("client name", n.Name)
}

func (n *NewClient) checkGrants() error {
	known := []string{GrantPassword, GrantRefreshToken, GrantClientCredentials}
	for _, g := range n.Grants {
		if !slices.Contains(known, g) {
			return refuse(ErrRefused, "unknown grant %q: use %s", g, strings.Join(known, ", "))
		}
	}
	switch {
	case n.Public && slices.Contains(n.Grants, GrantClientCredentials):
		// RFC 6749 §4.4: without a secret, anyone could be this client.
		return refuse(ErrRefused, "a public client can't have the grant %s: leave the grant out, or add a confidential client", GrantClientCredentials)
	case n.Public && n.Introspect:
		// RFC 7662 §4: whoever may introspect must have proved who it is.
		return refuse(ErrRefused, "a public client can't introspect: add a confidential client")
	case len(n.Grants) == 0 && !n.Introspect:
		return refuse(ErrRefused, "client %q has no grants: name some of %s, or let it introspect", n.ID, strings.Join(known, ", "))
	}
	return nil
}

func (n *NewClient) checkScopes() error {
	if err := checkScopes(n.Scopes); err != nil {
		return err
	}
	for _, s := range n.DefaultScopes {
		if !scope.Contains(n.Scopes, s) {
			return refuse(ErrRefused, "default scope %q is not one of the client's scopes: add it to them, or leave it out", s)
		}
	}
	return nil
}

func (n *NewClient) checkAudiences() error {
	for _, a := range n.Audiences {
		if err := checkAudience(a); err != nil {
			return err
		}
	}
	return nil
}

// checkAudience takes an absolute URI without a fragment (RFC 8707 §2), or a
// plain name, which many APIs call themselves by.
func checkAudience(a string) error {
	_, err := url.Parse(a)
	switch {
	case a == "":
		return refuse(ErrRefused, "an audience is empty: give a URI such as https://api.example.com, or a plain name")
	case err != nil || strings.ContainsFunc(a, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return refuse(ErrRefused, "audience %q is neither a URI nor a plain name without spaces", a)
	case strings.Contains(a, "#"):
		return refuse(ErrRefused, "audience %q has a fragment: leave out the # and what follows", a)
	}
	return nil
}
