// Package admin is what an operator changes: users, clients, signing keys, and
// the end of their tokens.
//
// It owns the rules such changes must obey, the reading of user files, and the
// words in which a refusal is told: each error is one line that says what to
// do. It wraps the sentinel errors of storage, credentials, scope and keys.
//
// It refuses to know HTTP, OAuth requests, flags and terminals.
package admin
