package diagnose

import (
	"fmt"
	"regexp"

	"github.com/usher-oauth/usher/credentials"
)

// leastSecret is the length of the shortest text that could be of use to anyone as a
// secret, in characters.
const leastSecret = 16

// compactJWS finds tokens within a text (RFC 7515, section 3.1); their headers begin
// with the encoded form of an opening brace.
var compactJWS = regexp.MustCompile(`(e[yw][A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.)[A-Za-z0-9_-]+`)

// refreshTokens finds usher's refresh tokens within a text, and what is left of ones.
var refreshTokens = regexp.MustCompile(credentials.RefreshTokenPrefix + `[A-Za-z0-9_-]{16,}`)

// hideTokens takes the signatures off tokens within a text, and shows no refresh
// token.
func hideTokens(s string) string {
	return refreshTokens.ReplaceAllString(compactJWS.ReplaceAllString(s, "$1…"), credentials.RefreshTokenPrefix+"…")
}

// deepest is how deep JSON may be nested to be shown.
const deepest = 16

// hideIn returns decoded JSON with every text in it hidden and made plain.
func hideIn(v any, hide func(string) string) any { return hideBelow(v, hide, deepest) }

func hideBelow(v any, hide func(string) string, levels int) any {
	if levels == 0 {
		return "…"
	}
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[plain(hide(name))] = hideBelow(value, hide, levels-1)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = hideBelow(value, hide, levels-1)
		}
		return list
	case string:
		return plain(hide(v))
	case bool, nil:
		return v
	default: // a number, as it was written
		return hideNumber(v, hide)
	}
}

// hideNumber leaves numbers alone, unless they repeat a secret digit by digit.
func hideNumber(v any, hide func(string) string) any {
	if text := fmt.Sprint(v); hide(text) != text {
		return "…"
	}
	return v
}
