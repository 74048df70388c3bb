// Package storage keeps users, clients, grants, revocations and sealed signing
// keys in SQL.
//
// # What it owns
//
// The schema and its migrations, every query, and the rules a database must
// hold by itself: a user name is taken once, a refresh token has one successor,
// what ends a user's or client's sessions does so in the transaction that
// changes the user or client, and an acknowledged write is on disk.
//
// # What it refuses to know
//
// HTTP, OAuth requests, fosite and cryptography: it sees hashes, sealed bytes
// and opaque names.
//
// # Epochs
//
// Users and clients carry a random epoch. A grant and an access token's jti
// remember the epochs they were issued under. Whatever ends all sessions of a
// user or client gives it a new epoch and writes a [Revocation] that names it;
// anything of another epoch is dead, whichever clock said what. So a token
// issued in the same second after the event works, and one issued before it
// never does.
//
// # Engines
//
// One SQL text serves every engine: $1 placeholders, ON CONFLICT, RETURNING,
// BIGINT Unix milliseconds, BIGINT booleans, space-delimited lists. What differs
// stands in dialect.go.
package storage
