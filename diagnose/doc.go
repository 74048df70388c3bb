// Package diagnose finds out what is wrong with an authorization server, with the
// database beneath one, or with a token, and says it in an operator's words.
//
// It owns the checks, the order they come in, and for each fault the fix. It asks
// servers from the outside, by the requests that clients and APIs make; most of
// it holds for servers other than usher too. It refuses to know flags and how
// findings are shown, and it changes nothing.
//
// Whatever a server or a token says is quoted in findings, in one line of
// printable characters and bounded. No finding holds the signature of a token or
// anything else that could be used in the place of one.
package diagnose
