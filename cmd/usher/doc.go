// Command usher is an OAuth 2.0 authorization server and the tool to run it.
//
// # What it owns
//
// The command line, the environment, files, signals and exit statuses. It builds
// the server from top to bottom: store, master key, signing keys, password pool,
// provider, handlers, listeners. One file holds what belongs to one noun.
//
// # What it refuses to know
//
// SQL, HTTP routes, and the rules users, clients and keys must obey: those stand
// in storage, handlers and admin.
//
// # Exit statuses
//
// 0 when done, 1 when the operation failed, 2 when the command line or a variable
// could not be understood. Every error is one line on standard error beginning
// with "usher: ". Results go to standard output, talk to standard error, so that
// a script can take the one and a person reads both.
package main
