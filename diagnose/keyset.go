package diagnose

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// maxKeyAge is how long a key set may be kept without a word: for so long APIs go on
// accepting a key that has leaked.
const maxKeyAge = 24 * 60 * 60 // seconds

// leastRSA is the size in bits of the smallest RSA key worth anything (RFC 7518,
// section 3.3).
const leastRSA = 2048

// published is one key of a key set (RFC 7517, section 4).
type published struct {
	KID string `json:"kid"`
	Kty string `json:"kty"`
	Alg string `json:"alg"`
	Use string `json:"use"`

	key     any    // the public key, nil if it can't be used
	private string // a member that should be nobody's to see, or nothing
	useless string // why the key is of no use, or nothing
}

// parseKeySet reads a key set (RFC 7517, section 5). It is not ok for what is none.
func parseKeySet(body []byte) (keys []published, ok bool) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil || document.Keys == nil {
		return nil, false
	}
	for _, entry := range *document.Keys {
		keys = append(keys, parsePublished(entry))
	}
	return keys, true
}

func parsePublished(entry []byte) published {
	var k published
	var members map[string]json.RawMessage
	if json.Unmarshal(entry, &members) != nil || json.Unmarshal(entry, &k) != nil {
		k.useless = "is no JSON object of strings"
		return k
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} { // RFC 7518, section 6
		if _, there := members[member]; there {
			k.private = member
			break
		}
	}
	var jwk jose.JSONWebKey
	switch err := jwk.UnmarshalJSON(entry); {
	case k.Use != "" && k.Use != "sig":
		k.useless = "is not for signatures"
	case k.Kty == "oct":
		k.useless = "is a shared secret"
	case err != nil || !jwk.Valid():
		k.useless = "is no key that can be read"
	default:
		k.key = jwk.Public().Key
	}
	if r, ok := k.key.(*rsa.PublicKey); ok && r.N.BitLen() < leastRSA {
		k.key, k.useless = nil, fmt.Sprintf("is an RSA key of %d bits, fewer than %d", r.N.BitLen(), leastRSA)
	}
	return k
}

// examineKeySet checks the keys by which APIs verify tokens.
func (e *examination) examineKeySet(ctx context.Context, address string) {
	const check = "key set"
	if address == "" {
		e.fail(check, "the metadata has no jwks_uri, so APIs can't verify tokens", "the server has to name its key set there (RFC 8414, section 2); usher does")
		return
	}
	if found, fix := e.misplaced(address); found != "" {
		e.fail(check, found, fix)
		return
	}
	here := e.here(address)
	a, err := e.web.get(ctx, here)
	if err != nil {
		s := explain(err, here, e.Now())
		e.fail(check, fmt.Sprintf("%s: %s", plain(address), s.found), s.fix)
		return
	}
	keys, ok := parseKeySet(a.body)
	switch {
	case a.status != 200:
		found, fix := e.obstructed(a, here)
		if fix == "" {
			found, fix = "answers "+a.says(), "let the proxy hand on "+pathOf(address)
		}
		e.fail(check, fmt.Sprintf("GET %s: %s", plain(here), found), fix)
		return
	case a.html():
		e.fail(check, fmt.Sprintf("%s answers a page for people (HTML)", plain(here)), "let the proxy hand on "+pathOf(address))
		return
	case !ok || a.cut:
		e.fail(check, fmt.Sprintf("%s answers no key set", plain(here)), "it has to be a JSON object with an array of keys (RFC 7517, section 5)")
		return
	}
	e.examineKeys(keys)
	e.examineKeyAge(a)
}

func (e *examination) examineKeys(keys []published) {
	var usable, useless []string
	for _, k := range keys {
		if k.key != nil {
			usable = append(usable, strings.TrimSpace(k.KID+" "+k.Alg))
		} else {
			useless = append(useless, fmt.Sprintf("%s %s", quoted(k.KID), k.useless))
		}
	}
	if len(usable) == 0 {
		e.fail("key set", fmt.Sprintf("none of its %s is of use to verify a token: %s", count(len(keys), "key"), orNone(strings.Join(useless, "; "))),
			"usher key list shows what the database has; usher key rotate makes a key")
	} else {
		e.ok("key set", "%s: %s", count(len(usable), "key"), quotedList(usable))
	}
	e.examineSecrecy(keys)
	e.examineNames(keys)
	e.examineOwnKey(keys)
}

func orNone(s string) string {
	if s == "" {
		return "it is empty"
	}
	return s
}

func (e *examination) examineSecrecy(keys []published) {
	const check = "private keys"
	for _, k := range keys {
		if k.private != "" {
			e.fail(check, fmt.Sprintf("A PRIVATE KEY IS PUBLISHED: key %s has the member %q, so anyone can sign tokens as this server", quoted(k.KID), k.private),
				"take it offline now and make new keys (usher key rotate --now); every token so far may be forged")
			return
		}
	}
	e.ok(check, "the key set has public members only")
}

// examineNames checks what verifiers choose a key by.
func (e *examination) examineNames(keys []published) {
	const check = "key ids"
	var ids, bare []string
	for _, k := range keys {
		switch {
		case k.KID == "" && len(keys) > 1:
			e.fail(check, "a key has no kid, so nobody can choose among them", "give every key a kid of its own (RFC 7517, section 4.5)")
			return
		case slices.Contains(ids, k.KID):
			e.fail(check, fmt.Sprintf("two keys have the kid %s, so it names neither", quoted(k.KID)), "give every key a kid of its own (RFC 7517, section 4.5)")
			return
		}
		ids = append(ids, k.KID)
		if k.key != nil && (k.KID == "" || k.Alg == "" || k.Use == "") {
			bare = append(bare, k.KID)
		}
	}
	if len(bare) > 0 {
		e.warn(check, fmt.Sprintf("kid, alg or use is missing at %s", quotedList(bare)), "verifiers differ in what they guess then: say all three")
		return
	}
	e.ok(check, "every key has its own, and says alg and use")
}

// examineOwnKey finds out whether the server is on the database at hand.
func (e *examination) examineOwnKey(keys []published) {
	if e.SigningKey == "" {
		return
	}
	const check = "same keys"
	if !slices.ContainsFunc(keys, func(k published) bool { return k.KID == e.SigningKey }) {
		e.fail(check, fmt.Sprintf("the server does not publish key %s, which signs in the database given", plain(e.SigningKey)),
			"the server is on another database: compare --database of both")
		return
	}
	e.ok(check, "the server publishes the key that signs in the database")
}

// examineKeyAge checks how long APIs may keep the key set.
func (e *examination) examineKeyAge(a answer) {
	const check = "key caching"
	control := strings.ToLower(strings.Join(a.header.Values("Cache-Control"), ","))
	age := -1
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			age = 0
		case "max-age":
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && age != 0 {
				age = n
			}
		}
	}
	fix := "let the proxy leave Cache-Control of the key set alone: usher computes it from the schedule of its keys"
	switch {
	case age < 0:
		e.warn(check, "nothing says how long APIs may keep the key set (no Cache-Control max-age), so they guess", fix)
	case age == 0:
		e.warn(check, fmt.Sprintf("APIs may not keep the key set (Cache-Control %s), so they ask for it all the time", quoted(control)), fix)
	case age > maxKeyAge:
		e.warn(check, fmt.Sprintf("APIs may keep the key set for %d seconds, and accept a leaked key for as long", age), fix)
	default:
		e.ok(check, "APIs may keep the key set for %d seconds", age)
	}
}
