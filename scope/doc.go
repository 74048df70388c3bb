// Package scope reads scope strings and compares scope sets.
//
// It owns the syntax of RFC 6749, section 3.3, and the set operations that
// decide what a token may carry. It knows no client, no user and no meaning of
// any scope: "profile" is a string like every other.
package scope
