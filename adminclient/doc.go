// Package adminclient is package admin at a server elsewhere: the same operations,
// values and errors, by way of the server's admin API.
//
// It owns the requests and how an answer becomes a value or an error of package
// storage. It refuses to know where tokens, flags and words on a terminal come from.
package adminclient
