package scope

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrMalformed is wrapped by every error of Parse and ParseList.
var ErrMalformed = errors.New("malformed scope")

// Parse splits the value of a scope parameter or claim at its spaces
// (RFC 6749, section 3.3). Each scope is returned once, in the order of its
// first appearance; an empty or blank value gives nil. Surplus spaces are
// passed over, as common clients send them. A character that no scope may
// contain, tabs and newlines included, is an error that wraps ErrMalformed.
func Parse(s string) ([]string, error) {
	var scopes []string
	// A set, because strangers send as many scopes as fit into a body, and to look
	// through the list for each would take a third of a second.
	seen := make(map[string]bool)
	for word := range strings.SplitSeq(s, " ") {
		if word == "" {
			continue
		}
		for i := range len(word) {
			if !isScopeChar(word[i]) {
				return nil, fmt.Errorf("%w: character %q is not allowed (RFC 6749, section 3.3)", ErrMalformed, word[i])
			}
		}
		if !seen[word] {
			seen[word] = true
			scopes = append(scopes, word)
		}
	}
	return scopes, nil
}

// ParseList reads a list as an operator types it: like Parse, but the scopes
// may be separated by commas as well as by spaces. A scope that contains a
// comma, which RFC 6749 allows, can't be written this way.
func ParseList(s string) ([]string, error) {
	return Parse(strings.ReplaceAll(s, ",", " "))
}

// Intersect returns the scopes of a that b has too, in a's order.
func Intersect(a, b []string) []string {
	var both []string
	for _, s := range a {
		if Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// Contains reports whether all holds s. Scopes are case-sensitive
// (RFC 6749, section 3.3).
func Contains(all []string, s string) bool {
	return slices.Contains(all, s)
}

// isScopeChar is NQCHAR of RFC 6749, appendix A: %x21 / %x23-5B / %x5D-7E.
// It leaves out the quote and the backslash, so that a scope can stand in a
// quoted string without escapes.
func isScopeChar(c byte) bool {
	return c == 0x21 || 0x23 <= c && c <= 0x5B || 0x5D <= c && c <= 0x7E
}
