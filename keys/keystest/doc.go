// Package keystest has the tokens that a verifier must refuse.
//
// It owns the list of forgeries, so that whatever verifies a token, from the
// signature check to a running server, is tested against the same one. It is
// for tests alone: given nonsense it panics.
package keystest
