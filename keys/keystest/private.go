package keystest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-oauth/usher/keys"
)

// Forgeries returns what must be refused from anybody, the holder of the
// ring's keys included, and all of [ForgeriesFromToken]. The claims are those
// of an access token that is valid at the time now, where its typ is the one
// given; what the list has depends on the key that signs then and on the other
// keys of the ring.
func Forgeries(ring *keys.Ring, now time.Time, typ string, claims []byte) []Forgery {
	k := must(ring.SigningKey(now))
	s := newSigner(k, typ)
	var l list
	l.types(s, claims)
	l.extensions(s, claims)
	l.duplicates(s, claims)
	l.otherKeys(s, ring, now, claims)
	l.hashes(s, claims)
	l.claims(s, now, claims)
	valid := must(ring.Sign(now, typ, claims))
	return append(l.forgeries, ForgeriesFromToken(valid, ring.Document(now).JSON)...)
}

// signer signs headers as they come with the private key of the ring.
type signer struct {
	private  crypto.Signer
	alg, kid string // as raw JSON
	typ      string // the right one
}

func newSigner(k keys.Key, typ string) signer {
	private := must(x509.ParsePKCS8PrivateKey(must(k.MarshalPrivate())))
	return signer{private: private.(crypto.Signer), alg: quote(string(k.Algorithm)), kid: quote(k.ID), typ: typ}
}

func (s signer) sign(header string, payload []byte) string {
	signed := input(header, payload)
	return signed + "." + encode(s.signature(signed))
}

func (s signer) signature(signed string) []byte {
	digest := sha256.Sum256([]byte(signed))
	switch k := s.private.(type) {
	case *ecdsa.PrivateKey:
		return signES256(k, signed)
	case *rsa.PrivateKey:
		return must(rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:]))
	case ed25519.PrivateKey:
		return ed25519.Sign(k, []byte(signed))
	}
	panic("unknown type of key")
}

// header is the right header and whatever is put after it.
func (s signer) header(more ...string) string {
	return object(append([]string{"alg", s.alg, "kid", s.kid, "typ", quote(s.typ)}, more...)...)
}

// types are tokens of another kind than is wanted (RFC 8725, section 3.11): those of
// everything else that an issuer signs, and what only looks like the right one.
func (l *list) types(s signer, claims []byte) {
	l.add("typ missing", s.sign(object("alg", s.alg, "kid", s.kid), claims))
	for _, other := range []string{"at+jwt", "application/at+jwt", "JWT", "jwt", "application/jwt"} {
		if name := strings.TrimPrefix(other, "application/"); !strings.EqualFold(name, s.typ) {
			l.typed(s, quote(other), claims)
		}
	}
	for _, other := range []string{
		`"dpop+jwt"`, `"token-introspection+jwt"`, `"logout+jwt"`, `"id+jwt"`, `"secevent+jwt"`, `"oauth-authz-req+jwt"`,
		`"JOSE"`, `"JWS"`, `""`, `"at"`, `"+jwt"`, `"application/"`, `"at+jwt+jwt"`, `null`, `1`, `["at+jwt"]`,
		quote(s.typ + " "), quote(" " + s.typ), quote("application/application/" + s.typ), quote("text/" + s.typ), quote("/" + s.typ),
		quote(s.typ + ";v=1"), quote(s.typ + ", " + s.typ), `"` + escapeFirst(s.typ) + `"`, "\"" + s.typ + "\x00\"", `"` + s.typ + `\u0000"`,
	} {
		l.typed(s, other, claims)
	}
}

func (l *list) typed(s signer, typ string, claims []byte) {
	l.add("typ "+typ, s.sign(object("alg", s.alg, "kid", s.kid, "typ", typ), claims))
}

// extensions are headers with a member that is not understood or must not be.
func (l *list) extensions(s signer, claims []byte) {
	public := string(must((&jose.JSONWebKey{Key: s.private.Public()}).MarshalJSON()))
	for _, member := range [][2]string{
		{"crit", `["exp"]`}, {"crit", `[]`}, {"crit", `["b64"]`},
		{"b64", `true`}, {"zip", `"DEF"`}, {"cty", `"JWT"`}, {"enc", `"A256GCM"`}, {"nonce", `"n"`},
		{"jwk", public}, {"jku", `"https://issuer.example/jwks.json"`}, {"x5u", `"https://issuer.example/x5u"`}, {"x5c", `[]`},
		{"x5t", `"AAAA"`}, {"iss", `"https://issuer.example"`}, {"Alg", s.alg}, {"KID", s.kid}, {"tYp", `"at+jwt"`}, {"", `""`},
		{"__proto__", `{"alg":"none"}`},
	} {
		l.add("header with "+member[0]+" "+member[1], s.sign(s.header(member[0], member[1]), claims))
	}
	l.add("header with zip and the payload compressed", s.sign(s.header("zip", `"DEF"`), deflate(claims)))

	// RFC 7797: the signature covers the payload as it is.
	h := s.header("b64", `false`, "crit", `["b64"]`)
	l.add("header with b64 false", s.sign(h, claims))
	l.add("header with b64 false, signed unencoded", encode([]byte(h))+"."+encode(claims)+"."+encode(s.signature(encode([]byte(h))+"."+string(claims))))
	l.add("payload detached", encode([]byte(s.header()))+".."+encode(s.signature(input(s.header(), claims))))

	for _, name := range []string{"alg", "kid", "typ"} {
		variant := strings.ToUpper(name[:1]) + name[1:]
		l.add("header with "+variant+" for "+name, s.sign(strings.Replace(s.header(), `"`+name+`"`, `"`+variant+`"`, 1), claims))
	}
	l.add("header with text after it", s.sign(s.header()+"x", claims))
	l.add("header twice", s.sign(s.header()+s.header(), claims))
	l.add("header with NUL after it", s.sign(s.header()+"\x00", claims))
	l.add("header after a byte order mark", s.sign("\ufeff"+s.header(), claims))
	l.add("header with a comma too many", s.sign(strings.Replace(s.header(), "}", ",}", 1), claims))
	l.add("header with a comment", s.sign(strings.Replace(s.header(), "{", "{/**/", 1), claims))
	l.add("header in a list", s.sign("["+s.header()+"]", claims))
	l.add("header with single quotes", s.sign(strings.ReplaceAll(s.header(), `"`, `'`), claims))
}

// duplicates are headers of which two readers may see two things.
func (l *list) duplicates(s signer, claims []byte) {
	for _, member := range [][2]string{
		{"alg", s.alg}, {"alg", `"none"`}, {"kid", s.kid}, {"kid", `"other"`}, {"typ", `"at+jwt"`}, {"typ", `"JWT"`},
		{`\u0061lg`, `"none"`}, {`k\u0069d`, `"other"`}, {`\u0074yp`, `"JWT"`},
	} {
		l.add("header with "+member[0]+" "+member[1]+" again", s.sign(s.header(member[0], member[1]), claims))
		first := object(member[0], member[1], "alg", s.alg, "kid", s.kid, "typ", quote(s.typ))
		l.add("header with "+member[0]+" "+member[1]+" before", s.sign(first, claims))
	}
}

// otherKeys are tokens signed well by a key that is not the one they name.
func (l *list) otherKeys(s signer, ring *keys.Ring, now time.Time, claims []byte) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
		foreign := newSigner(must(keys.Generate(alg)), s.typ)
		l.add("signed by another issuer, "+foreign.alg, foreign.sign(foreign.header(), claims))
		l.add("signed by another issuer under our kid, "+foreign.alg, foreign.sign(object("alg", foreign.alg, "kid", s.kid, "typ", quote(s.typ)), claims))
	}
	for _, k := range ring.Keys() {
		other := newSigner(k, s.typ)
		switch {
		case other.kid == s.kid:
		case ring.State(k, now) == keys.Gone:
			l.add("signed by the gone key "+other.kid, other.sign(other.header(), claims))
		default:
			l.add("kid "+other.kid+", signed by the signing key", s.sign(object("alg", s.alg, "kid", other.kid, "typ", quote(s.typ)), claims))
			l.add("kid of the signing key, signed by "+other.kid, other.sign(object("alg", other.alg, "kid", s.kid, "typ", quote(s.typ)), claims))
			l.add("kid and alg of the signing key, signed by "+other.kid, other.sign(s.header(), claims))
		}
	}
}

// hashes are tokens signed well by the right key with another algorithm that
// the key is good for.
func (l *list) hashes(s signer, claims []byte) {
	h := func(alg string) string { return object("alg", quote(alg), "kid", s.kid, "typ", quote(s.typ)) }
	switch k := s.private.(type) {
	case *rsa.PrivateKey:
		for _, alg := range []string{"RS512", "RS256"} {
			signed := input(h(alg), claims)
			digest := sha512.Sum512([]byte(signed))
			l.add("RS512 called "+alg, signed+"."+encode(must(rsa.SignPKCS1v15(nil, k, crypto.SHA512, digest[:]))))
		}
		for _, alg := range []string{"PS256", "RS256"} {
			signed := input(h(alg), claims)
			digest := sha256.Sum256([]byte(signed))
			l.add("PS256 called "+alg, signed+"."+encode(must(rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], nil))))
		}
	case *ecdsa.PrivateKey:
		signed := input(h("ES256"), claims)
		l.add("(r, n-s), signed afresh", signed+"."+encode(flipS(signES256(k, signed))))
	case ed25519.PrivateKey:
		signed := input(h("EdDSA"), claims)
		digest := sha512.Sum512([]byte(signed))
		l.add("Ed25519ph called EdDSA", signed+"."+encode(must(k.Sign(nil, digest[:], crypto.SHA512))))
		l.add("alg Ed25519", s.sign(h("Ed25519"), claims))
	}
}

// claims are tokens that the issuer signed and must not have.
func (l *list) claims(s signer, now time.Time, claims []byte) {
	from := len(l.forgeries)
	add := func(name, payload string) { l.add("claims: "+name, s.sign(s.header(), []byte(payload))) }
	c := readClaims(claims)

	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id"} {
		add("without "+name, c.without(name))
		for _, value := range []string{`null`, `""`, `[]`, `{}`, `true`, `0`, `[[]]`} {
			add(name+" "+value, c.with(name, value))
		}
		add(name+" in capitals", c.named(name, strings.ToUpper(name)))
		add(name+" twice", c.with(name, c.value(name)+`,"`+name+`":`+c.value(name)))
		add(name+" twice, once escaped", c.with(name, c.value(name)+`,"`+escapeFirst(name)+`":`+c.value(name)))
	}
	for _, issuer := range []string{`"https://attacker.example"`, c.value("iss")[:len(c.value("iss"))-1] + `/"`, strings.ToUpper(c.value("iss")), "[" + c.value("iss") + "]"} {
		add("iss "+issuer, c.with("iss", issuer))
	}
	for _, audience := range []string{`"https://attacker.example"`, `["https://attacker.example"]`, `[null]`, `[""]`, `[1]`} {
		add("aud "+audience, c.with("aud", audience))
	}

	at := func(d time.Duration) string { return seconds(now.Add(d)) }
	add("exp now", c.with("exp", at(0)))
	add("exp a second ago", c.with("exp", at(-time.Second)))
	add("exp an hour ago", c.with("exp", at(-time.Hour)))
	add("iat 31 seconds ahead", c.with("iat", at(31*time.Second)))
	add("iat a year ahead", c.with("iat", at(365*24*time.Hour)))
	for _, name := range []string{"exp", "iat"} {
		for _, value := range []string{
			`"` + at(time.Minute) + `"`, at(time.Minute) + `.5`, at(time.Minute) + `.0`, `2e9`, `1e400`, `9e18`,
			`9223372036854775807`, `9223372036854775808`, `18446744073709551616`, `-1`, `-9223372036854775808`, `0x7fffffff`, `NaN`,
			`99999999999999`,
		} {
			add(name+" "+value, c.with(name, value))
		}
	}
	for _, scope := range []string{`["profile"]`, `1`, `{}`} {
		add("scope "+scope, c.with("scope", scope))
	}
	add("scope twice", c.with("scope", `"a","scope":"b"`))

	valid := string(claims)
	for _, payload := range [][2]string{
		{"nothing", ""}, {"blank", " "}, {"null", "null"}, {"number", "1"}, {"text", `"text"`}, {"list", "[" + valid + "]"},
		{"empty object", "{}"}, {"cut", valid[:len(valid)-1]}, {"text after", valid + "x"}, {"twice", valid + valid},
		{"NUL after", valid + "\x00"}, {"byte order mark", "\ufeff" + valid}, {"nested token", s.sign(s.header(), claims)},
		{"not UTF-8", c.with("sub", "\"\xff\xfe\"")}, {"deep", strings.Repeat("[", 4<<10)},
	} {
		add(payload[0], payload[1])
	}
	for i := range l.forgeries[from:] {
		l.forgeries[from+i].Signed = true
	}
}
