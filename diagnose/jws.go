package diagnose

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/usher-oauth/usher/accesstoken"
)

// jws is a token taken apart (RFC 7515, section 3.1). Nothing in it is verified.
type jws struct {
	token     string
	signature string // encoded
	alg, kid  string
	typ       string
	payload   []byte
	iss       string // what it says of itself; empty where it says nothing readable
}

// split takes a text apart. Where it is no JWT it says what it is instead, and is
// not ok.
func (e *explaining) split(text string) bool {
	parts := strings.Split(text, ".")
	header, headerOK := object(parts[0])
	switch {
	case len(parts) == 5 && headerOK && header["enc"] != nil:
		e.Kind = JWE
		e.Header = header
		e.fail(checkForm, "it is encrypted (JWE, RFC 7516): only its recipient can read it", "usher issues signed tokens; ask the server that issued this one for signed ones, or decrypt it where its key is")
		return false
	case len(parts) != 3 || !headerOK:
		e.explainUnknown(text)
		return false
	}
	e.Kind, e.Header = OtherJWT, header
	e.token, e.signature = text, parts[2]
	e.alg, _ = header["alg"].(string)
	e.kid, _ = header["kid"].(string)
	e.typ, _ = header["typ"].(string)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	claims, ok := object(parts[1])
	if err != nil || !ok {
		e.fail(checkForm, "its claims are no JSON object: characters are missing or were changed", "copy the whole token again")
		return false
	}
	e.payload, e.Claims = payload, claims
	e.iss, _ = claims["iss"].(string)
	switch size := signatureSize[e.alg]; {
	case !isBase64URL(e.signature):
		e.fail(checkForm, "its signature has characters that are not base64url", "copy the whole token again")
	case e.signature == "" && e.alg != "none":
		e.fail(checkForm, "its signature is missing: it was cut off after the second dot", "copy the whole token")
	case size > 0 && len(e.signature) < size:
		e.fail(checkForm, fmt.Sprintf("it was cut off: its signature has %d of %d characters", len(e.signature), size), "copy the whole token; columns of databases and headers of proxies have limits")
	case size > 0 && len(e.signature) > size:
		e.fail(checkForm, fmt.Sprintf("its signature has %d characters, %d too many", len(e.signature), len(e.signature)-size), "copy the token alone")
	case !slices.ContainsFunc(e.findings, func(f Finding) bool { return f.Check == checkForm }):
		e.ok(checkForm, "three parts in base64url, %s", count(len(text), "character"))
	}
	return true
}

// signatureSize is the length of a signature in base64url, for algorithms that know
// only one (RFC 7518, section 3.4, and RFC 8037, section 3.1).
var signatureSize = map[string]int{"ES256": 86, "EdDSA": 86, "ES384": 128, "ES512": 176}

// object decodes a part of a token as a JSON object.
func object(part string) (map[string]any, bool) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, false
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&m); err != nil || m == nil || d.More() {
		return nil, false
	}
	return m, true
}

// isIDToken reports whether the claims are those of OpenID Connect Core 1.0, section
// 2, and not those of an access token.
func (e *explaining) isIDToken() bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "azp"} {
		if _, there := e.Claims[name]; there && e.Claims["scope"] == nil && e.Claims["scp"] == nil {
			return true
		}
	}
	return false
}

// examineHeader checks typ, alg and the rest of the header (RFC 9068, section 4, and
// RFC 8725, section 3).
func (e *explaining) examineHeader() {
	const typFix = "send the access_token, not another token of the answer; other servers than usher have to be told to write RFC 9068 tokens"
	want := cmp.Or(e.Type, accesstoken.Type)
	typ := strings.TrimPrefix(strings.ToLower(e.typ), "application/")
	if typ == accesstoken.Type || e.Type != "" && typ == strings.ToLower(e.Type) && !e.isIDToken() {
		e.Kind = AccessToken
	}
	switch {
	case e.Kind == AccessToken && typ == strings.ToLower(want):
		e.ok("typ", "%s, an access token", plain(e.typ))
	case e.Kind == AccessToken:
		e.fail("typ", fmt.Sprintf("typ is %s, and the API demands %s", quoted(e.typ), quoted(want)), "usher audience add AUDIENCE --typ "+plain(want)+" for this API, or have it accept "+plain(e.typ))
	case e.isIDToken():
		e.Kind = IDToken
		e.fail("typ", "it is an ID token, which tells an app who logged in and is for no API", "send the access_token instead of the id_token")
	case typ == strings.ToLower(accesstoken.TypeJWT):
		e.fail("typ", fmt.Sprintf("typ is %s, not at+jwt: nothing marks it as an access token", quoted(e.typ)),
			typFix+"; where usher audience add has --typ JWT for this API, give --typ JWT here too")
	case e.typ == "":
		e.fail("typ", "the header has no typ, so it is not marked as an access token (at+jwt)", typFix)
	default:
		e.fail("typ", fmt.Sprintf("typ is %s, not at+jwt: nothing marks it as an access token", quoted(e.typ)), typFix)
	}
	switch {
	case usherSigns(e.alg):
		e.ok("alg", "%s", e.alg)
	case strings.EqualFold(e.alg, "none"):
		e.fail("alg", "NOBODY SIGNED IT (alg none): anyone can write such a token", "refuse it; if an API took it, that is a hole (RFC 8725, section 3.1)")
	case strings.HasPrefix(e.alg, "HS"):
		e.fail("alg", fmt.Sprintf("%s is by a shared secret: whoever can check it can forge it", plain(e.alg)), "use tokens signed by a key pair: usher signs by ES256, RS256 or EdDSA")
	default:
		e.fail("alg", fmt.Sprintf("%s is none of ES256, RS256 and EdDSA, which usher signs by", quoted(e.alg)), "a token of another server: have it sign by one of these")
	}
	var strange []string
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		if name != "alg" && name != "kid" && name != "typ" {
			strange = append(strange, name)
		}
	}
	if len(strange) > 0 {
		e.fail("header", fmt.Sprintf("it has %s beside alg, kid and typ", quotedList(strange)), "usher writes no other; package resource refuses them, since jwk, jku, x5u and crit let a sender choose how it is checked (RFC 8725, section 3.10)")
	}
}
