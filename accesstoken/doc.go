// Package accesstoken defines the claims of an access token (RFC 9068).
//
// It owns their names, their types, what must be present, and how a token's id
// names what may end the token early. It refuses to know how a token is signed,
// who is allowed one, and what has been revoked.
package accesstoken
