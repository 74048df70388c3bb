// Package handlers is HTTP in, HTTP out: it turns requests into calls of
// package provider, and what comes back into answers.
//
// It owns the routes, the limits on what a client may send and how slowly, the
// one form of every error, the headers that stand on every answer, CORS,
// request ids, the log line and the metrics of each request. It refuses to know
// what a grant is, how a password is checked or where anything is stored; it
// holds no policy.
//
// Two things are answered by net/http before a handler is asked, and so not in
// JSON: a request that is not HTTP (400), and one with too many headers (431).
package handlers
