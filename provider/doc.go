// Package provider is the OAuth 2.0 engine: it turns requests of clients into
// tokens, answers about tokens and ends them.
//
// # What it owns
//
// The strict reading of OAuth form requests, client authentication, the password,
// refresh_token and client_credentials grants, scope and audience policy, what a
// token says, introspection (RFC 7662), revocation (RFC 7009), and what this
// process knows of ended tokens and signing keys.
//
// # What it refuses to know
//
// Routes, status pages and SQL. It is the only package that imports fosite, and
// no fosite type leaves it: callers see [Token], [Introspection] and [Problem].
//
// # How it stands on fosite
//
// fosite dispatches grants, runs client_credentials and checks scopes and
// audiences a second time. In front of it stand this package's form reader and
// client authentication; beneath it, an access-token strategy over package keys.
// The password and refresh grants are handlers of this package behind fosite's
// TokenEndpointHandler, because equal work for every failing login and one
// successor for every refresh token need more than fosite's storage interfaces
// let one say.
package provider
