package diagnose

import "strings"

// challenge is one of a WWW-Authenticate header (RFC 9110, section 11.6.1).
type challenge struct {
	scheme     string            // in small letters
	parameters map[string]string // names in small letters
}

// bearerChallenge returns the challenge of RFC 6750, section 3, among all of an
// answer.
func bearerChallenge(values []string) (challenge, bool) {
	for _, c := range parseChallenges(strings.Join(values, ", ")) {
		if c.scheme == "bearer" {
			return c, true
		}
	}
	return challenge{}, false
}

// parseChallenges reads a list of challenges. In one comma-separated list stand
// both challenges and their parameters: what has an equals sign after its first
// word is a parameter.
func parseChallenges(s string) []challenge {
	var list []challenge
	for s = skip(s); s != ""; s = skip(s) {
		word, rest := token(s)
		if word == "" { // nothing that could stand here
			s = s[1:]
			continue
		}
		value, after, ok := parameter(rest)
		if !ok {
			list = append(list, challenge{scheme: strings.ToLower(word), parameters: map[string]string{}})
			s = rest
			continue
		}
		if len(list) > 0 {
			list[len(list)-1].parameters[strings.ToLower(word)] = value
		}
		s = after
	}
	return list
}

// skip goes past blanks and commas.
func skip(s string) string { return strings.TrimLeft(s, " \t,") }

// token splits off a word of RFC 9110, section 5.6.2, and more.
func token(s string) (word, rest string) {
	n := strings.IndexAny(s, " \t,=\"")
	if n < 0 {
		return s, ""
	}
	return s[:n], s[n:]
}

// parameter reads what comes after the name of one: an equals sign and a word or a
// quoted string.
func parameter(s string) (value, rest string, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimLeft(s, " \t"), "=")
	if !ok {
		return "", "", false
	}
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, " \t,")
		if n < 0 {
			n = len(s)
		}
		return s[:n], s[n:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "", true
}
