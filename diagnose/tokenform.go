package diagnose

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/usher-oauth/usher/credentials"
)

const checkForm = "form"

// strip takes off what people leave around a token, and says so. An API would not
// take it off.
func (e *explaining) strip(text string) string {
	var around []string
	note := func(what string) { around = append(around, what) }
	text = strings.Trim(text, " \t\r\n") // what shells and editors leave; no other white space
	if inner, ok := fromJSON(text); ok {
		note("it is the whole answer of the token endpoint")
		text = inner
	}
	scheme := false
	for _, prefix := range []string{"authorization:", "bearer "} {
		if len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			text = strings.TrimSpace(text[len(prefix):])
			scheme = true
		}
	}
	for _, q := range []string{`""`, "''", "``", "“”", "<>"} {
		pair := []rune(q)
		open, shut := string(pair[0]), string(pair[1])
		if inner, ok := strings.CutPrefix(text, open); ok && inner != "" {
			note("quotation marks stand around it")
			text = strings.TrimSuffix(inner, shut)
		}
	}
	if decoded, err := url.PathUnescape(text); err == nil && decoded != text {
		note("it is percent-encoded")
		text = decoded
	}
	if strings.ContainsFunc(text, isInvisible) {
		if joined := strings.Map(drop(isInvisible), text); looksLikeToken(joined) {
			note("there are line breaks or blanks in it")
			text = joined
		}
	}
	if looksLikeToken(text) && strings.ContainsAny(text, "=+/") {
		note("it is in base64 with padding or in the wrong alphabet, not in base64url")
		text = strings.NewReplacer("=", "", "+", "-", "/", "_").Replace(text)
	}
	switch {
	case len(around) > 0:
		e.fail(checkForm, strings.Join(around, ", and "), "send the token alone, as the server wrote it: base64url parts with dots between, and nothing else (RFC 7515, section 3.1)")
	case scheme:
		e.warn(checkForm, `"Bearer" stands in front of it, which belongs to the header`, "send it once: Authorization: Bearer TOKEN")
	}
	return text
}

// fromJSON returns the token in an answer of the token endpoint (RFC 6749, section
// 5.1).
func fromJSON(text string) (token string, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return "", false
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.AccessToken == "" {
		return "", false
	}
	return strings.TrimSpace(answer.AccessToken), true
}

// isInvisible reports whether a character is white space or nothing to the eye.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

func drop(which func(rune) bool) func(rune) rune {
	return func(r rune) rune {
		if which(r) {
			return -1
		}
		return r
	}
}

// looksLikeToken reports whether a text begins as a JWT or a refresh token does.
func looksLikeToken(s string) bool {
	return strings.HasPrefix(s, "eyJ") || credentials.LooksLikeRefreshToken(s)
}

// explainUnknown says what a text is that is no token.
func (e *explaining) explainUnknown(text string) {
	const fix = "send the access_token that the token endpoint answered"
	found := fmt.Sprintf("it is no token of ours: %s without the form of one", count(len([]rune(text)), "character"))
	switch {
	case text == "":
		e.fail(checkForm, "there is nothing", "give the token as the argument, or - to read it from standard input")
		return
	case strings.HasPrefix(text, "$"), strings.HasPrefix(text, "{"):
		if strings.HasPrefix(text, "$2") && strings.Count(text, "$") == 3 {
			e.fail(checkForm, "it is a password hash (bcrypt), which proves nothing to anyone", fix+", and keep hashes in the database")
			return
		}
		found = "it is a variable that nobody filled in, or JSON without an access_token"
	case strings.HasPrefix(text, "usher-master-key-"):
		e.fail(checkForm, "IT IS A MASTER KEY of usher, which opens all others", "it was shown now, in a process list or a history: replace it (docs/operating.md, The master key)")
		return
	case strings.HasPrefix(text, "-----BEGIN"):
		found = "it is a key or certificate in PEM, not a token"
	case strings.ContainsAny(text, "…") || strings.Contains(text, "..."):
		found = "it is a token with dots where a part was left out"
	case strings.HasPrefix(text, "eyJ"):
		found = fmt.Sprintf("it begins as a JWT and has %s instead of 3: it was cut off", count(strings.Count(text, ".")+1, "part"))
	case len(text) == 43 && isBase64URL(text):
		found = "it has the form of a client secret of usher, or of another random text of 256 bits"
	case len(text) >= leastSecret && isBase64URL(text):
		found = fmt.Sprintf("it is an opaque text of %s: a token of another server, a code or a secret", count(len(text), "character"))
	case len(text) < 80 && !strings.Contains(text, "."):
		found = fmt.Sprintf("it is %s: a password or a secret perhaps, and no token", count(len([]rune(text)), "character"))
	}
	e.fail(checkForm, found, fix)
}

// isBase64URL reports whether a text has the characters of RFC 4648, section 5,
// alone.
func isBase64URL(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
