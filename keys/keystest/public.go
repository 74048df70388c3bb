package keystest

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// token is a valid token taken apart.
type token struct {
	whole                      string
	header, payload, signature string // encoded
	claims                     []byte
	alg, kid, typ              string // as raw JSON
	key                        jose.JSONWebKey
	entry                      []byte // the key as it stands in the key set
	others                     []string
}

// ForgeriesFromToken returns what somebody can forge who has a valid token and
// the public keys, but no private key. The list depends on the algorithm of the
// token's key and is the longest for ES256.
func ForgeriesFromToken(valid string, jwks []byte) []Forgery {
	t := takeApart(valid, jwks)
	a := newAttacker()
	var l list
	l.algorithms(t)
	l.symmetric(t)
	l.keyIDs(t, a)
	l.ownKeys(t, a)
	l.signatures(t)
	l.encodings(t)
	l.shapes(t, a)
	return l.forgeries
}

func takeApart(valid string, jwks []byte) token {
	parts := strings.Split(valid, ".")
	t := token{whole: valid, header: parts[0], payload: parts[1], signature: parts[2], claims: decode(parts[1])}
	var h map[string]string
	if err := json.Unmarshal(decode(parts[0]), &h); err != nil {
		panic(err)
	}
	t.alg, t.kid, t.typ = quote(h["alg"]), quote(h["kid"]), quote(h["typ"])
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &set); err != nil {
		panic(err)
	}
	for _, entry := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(entry); err != nil {
			panic(err)
		}
		if key.KeyID == h["kid"] {
			t.key, t.entry = key, entry
		} else {
			t.others = append(t.others, quote(key.KeyID))
		}
	}
	if t.entry == nil {
		panic("the key of the valid token is not in the key set")
	}
	return t
}

// algorithms are tokens that ask not to be verified, or by another algorithm.
func (l *list) algorithms(t token) {
	for _, alg := range []string{"none", "None", "nOnE", "NONE", "none ", ""} {
		h := object("alg", quote(alg), "kid", t.kid, "typ", t.typ)
		l.add("alg "+quote(alg)+" without a signature", input(h, t.claims)+".")
		l.add("alg "+quote(alg)+" with the signature", input(h, t.claims)+"."+t.signature)
	}
	l.add("alg none without a kid", input(object("alg", `"none"`, "typ", t.typ), t.claims)+".")
	l.add("no alg", input(object("kid", t.kid, "typ", t.typ), t.claims)+"."+t.signature)
	for _, alg := range []string{`null`, `1`, `["ES256"]`, `{}`, `true`} {
		l.add("alg "+alg, input(object("alg", alg, "kid", t.kid, "typ", t.typ), t.claims)+"."+t.signature)
	}
	for _, alg := range []string{`"ES256"`, `"RS256"`, `"EdDSA"`, `"PS256"`, `"ES384"`, `"ES512"`, `"ES256K"`, `"RS1"`, `"es256"`, `"HS256"`} {
		if alg != t.alg {
			l.add("alg "+alg+" with the signature of "+t.alg, input(object("alg", alg, "kid", t.kid, "typ", t.typ), t.claims)+"."+t.signature)
		}
	}
}

// symmetric are tokens with a MAC whose key is something public.
func (l *list) symmetric(t token) {
	der := must(x509.MarshalPKIXPublicKey(t.key.Key))
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for _, secret := range []struct {
		name string
		key  []byte
	}{
		{"PEM", block},
		{"PEM without the last newline", bytes.TrimSpace(block)},
		{"DER", der},
		{"raw bytes", raw(t.key.Key)},
		{"JWK", t.entry},
		{"kid", []byte(strings.Trim(t.kid, `"`))},
		{"nothing", nil},
	} {
		for _, alg := range []string{"HS256", t.alg} { // a token may also lie about its MAC
			alg = strings.Trim(alg, `"`)
			signed := input(object("alg", quote(alg), "kid", t.kid, "typ", t.typ), t.claims)
			mac := hmac.New(sha256.New, secret.key)
			mac.Write([]byte(signed))
			l.add("HMAC as "+alg+" with the public key as "+secret.name, signed+"."+encode(mac.Sum(nil)))
		}
	}
}

// raw returns the bytes of the key itself: a point or a modulus.
func raw(public any) []byte {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return must(k.Bytes())
	case *rsa.PublicKey:
		return k.N.Bytes()
	case ed25519.PublicKey:
		return k
	}
	panic("unknown type of key")
}

// keyIDs are tokens that name no key, another one, or something else.
func (l *list) keyIDs(t token, a attacker) {
	sign := func(kid string) string {
		return a.sign(object("alg", `"ES256"`, "kid", kid, "typ", t.typ), t.claims)
	}
	l.add("kid of the real key, signed by another", sign(t.kid))
	l.add("kid absent", a.sign(object("alg", `"ES256"`, "typ", t.typ), t.claims))
	own := must((&jose.JSONWebKey{Key: a.key.Public()}).Thumbprint(crypto.SHA256))
	l.add("kid of the forger's own key", sign(quote(encode(own))))
	for _, kid := range [][2]string{
		{"path traversal", `"../../../../../../dev/null"`},
		{"URL", `"https://attacker.example/key"`},
		{"SQL", `"' OR '1'='1"`},
		{"shell", `"|cat /etc/passwd"`},
		{"NUL escaped", `"\u0000"`},
		{"NUL raw", "\"\x00\""},
		{"empty", `""`},
		{"blank", `" "`},
		{"null", `null`},
		{"number", `0`},
		{"list", "[" + t.kid + "]"},
		{"object", `{}`},
		{"star", `"*"`},
		{"10 KiB", quote(strings.Repeat("k", 10<<10))},
	} {
		l.add("kid "+kid[0], sign(kid[1]))
	}
	trimmed := strings.Trim(t.kid, `"`)
	for _, kid := range [][2]string{
		{"with a blank after it", trimmed + " "},
		{"with NUL after it", trimmed + "\x00"},
		{"cut", trimmed[:len(trimmed)-1]},
		{"in capitals", strings.ToUpper(trimmed)},
	} {
		h := object("alg", t.alg, "kid", quote(kid[1]), "typ", t.typ)
		l.add("kid "+kid[0], input(h, t.claims)+"."+t.signature)
	}
	for _, kid := range t.others {
		l.add("kid "+kid+" of another published key", input(object("alg", t.alg, "kid", kid, "typ", t.typ), t.claims)+"."+t.signature)
	}
}

// ownKeys are tokens that bring their key along.
func (l *list) ownKeys(t token, a attacker) {
	jwk := string(must((&jose.JSONWebKey{Key: a.key.Public(), KeyID: strings.Trim(t.kid, `"`)}).MarshalJSON()))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	certificate := must(x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key))
	for _, member := range [][2]string{
		{"jwk", jwk},
		{"jku", `"https://attacker.example/jwks.json"`},
		{"x5u", `"https://attacker.example/certificate.pem"`},
		{"x5c", `["` + base64.StdEncoding.EncodeToString(certificate) + `"]`},
	} {
		l.add(member[0]+" beside kid", a.sign(object("alg", `"ES256"`, "kid", t.kid, "typ", t.typ, member[0], member[1]), t.claims))
		l.add(member[0]+" before kid", a.sign(object(member[0], member[1], "alg", `"ES256"`, "kid", t.kid, "typ", t.typ), t.claims))
		l.add(member[0]+" without kid", a.sign(object("alg", `"ES256"`, "typ", t.typ, member[0], member[1]), t.claims))
	}
}

// signatures are the valid token with another signature or other claims.
func (l *list) signatures(t token) {
	signed := t.header + "." + t.payload
	signature := decode(t.signature)
	add := func(name string, signature []byte) { l.add("signature "+name, signed+"."+encode(signature)) }

	l.add("signature stripped", signed+".")
	l.add("signature stripped with its dot", signed)
	for _, i := range []int{0, len(signature) / 2, len(signature) - 1} {
		altered := bytes.Clone(signature)
		altered[i] ^= 0x10
		add("altered at byte "+big.NewInt(int64(i)).String(), altered)
	}
	add("cut", signature[:len(signature)-1])
	add("halved", signature[:len(signature)/2])
	add("with a byte after it", append(bytes.Clone(signature), 0))
	add("with a byte before it", append([]byte{0}, signature...))
	add("twice", append(bytes.Clone(signature), signature...))
	add("of zeros", make([]byte, len(signature))) // r = s = 0
	add("of ones", bytes.Repeat([]byte{0xFF}, len(signature)))
	switch t.key.Key.(type) {
	case *ecdsa.PublicKey:
		n := order().FillBytes(make([]byte, 32))
		add("(r, n-s)", flipS(signature))
		add("in DER", der(signature))
		add("(r, n-s) in DER", der(flipS(signature)))
		add("(s, r)", append(bytes.Clone(signature[32:]), signature[:32]...))
		add("(n, n)", append(bytes.Clone(n), n...))
		add("(0, s)", append(make([]byte, 32), signature[32:]...))
		add("(r, 0)", append(bytes.Clone(signature[:32]), make([]byte, 32)...))
	case ed25519.PublicKey:
		add("with the group order added", addOrder(signature))
	}
	l.add("payload altered", t.header+"."+encode(append(bytes.TrimSuffix(t.claims, []byte("}")), `,"admin":true}`...))+"."+t.signature)
	l.add("payload empty", t.header+".."+t.signature)
	l.add("payload in the clear", t.header+"."+string(t.claims)+"."+t.signature)
	l.add("header with another order", encode([]byte(object("typ", t.typ, "kid", t.kid, "alg", t.alg)))+"."+t.payload+"."+t.signature)
	l.add("header with a blank", encode([]byte(" "+string(decode(t.header))))+"."+t.payload+"."+t.signature)
}

// encodings are the valid token in a spelling that is not its own.
func (l *list) encodings(t token) {
	signed := t.header + "." + t.payload
	l.add("signature with loose trailing bits", signed+"."+loosen(t.signature))
	l.add("signature padded", signed+"."+t.signature+"==")
	l.add("signature padded with one sign", signed+"."+t.signature+"=")
	l.add("header padded", t.header+"=."+t.payload+"."+t.signature)
	l.add("payload padded", t.header+"."+t.payload+"=."+t.signature)
	if standard := strings.NewReplacer("-", "+", "_", "/").Replace(t.whole); standard != t.whole {
		l.add("standard alphabet", standard)
	}
	l.add("signature as hexadecimal", signed+"."+strings.ToUpper(big.NewInt(0).SetBytes(decode(t.signature)).Text(16)))
	for _, space := range [][2]string{
		{"blank", " "}, {"newline", "\n"}, {"return", "\r"}, {"return and newline", "\r\n"}, {"tab", "\t"}, {"NUL", "\x00"},
		{"no-break space", "\u00a0"}, {"zero-width space", "\u200b"}, {"byte order mark", "\ufeff"},
	} {
		name, s := space[0], space[1]
		l.add(name+" before", s+t.whole)
		l.add(name+" after", t.whole+s)
		l.add(name+" inside the header", t.header[:8]+s+t.header[8:]+"."+t.payload+"."+t.signature)
		l.add(name+" inside the payload", t.header+"."+t.payload[:8]+s+t.payload[8:]+"."+t.signature)
		l.add(name+" inside the signature", signed+"."+t.signature[:8]+s+t.signature[8:])
		l.add(name+" around a dot", t.header+s+"."+s+t.payload+"."+t.signature)
	}
	l.add("quoted", `"`+t.whole+`"`)
	l.add("dots escaped", strings.ReplaceAll(t.whole, ".", "%2E"))
	l.add("with a comma after it", t.whole+",")
	l.add("in capitals", strings.ToUpper(t.whole))
	l.add("fullwidth dots", strings.ReplaceAll(t.whole, ".", "\uff0e"))
}

// shapes are texts that are no compact JWS, or one of another kind.
func (l *list) shapes(t token, a attacker) {
	l.add("empty", "")
	for _, dots := range []int{1, 2, 3, 4} {
		l.add("dots alone, "+big.NewInt(int64(dots)).String(), strings.Repeat(".", dots))
	}
	l.add("a megabyte of dots", strings.Repeat(".", 1<<20))
	l.add("a megabyte of dots after the token", t.whole+strings.Repeat(".", 1<<20))
	l.add("a megabyte of letters", strings.Repeat("A", 1<<20))
	l.add("header of 1 MiB", a.sign(object("alg", t.alg, "kid", t.kid, "typ", t.typ, "pad", quote(strings.Repeat("p", 1<<20))), t.claims))
	l.add("header of 1 MiB of blanks", a.sign(strings.Repeat(" ", 1<<20)+object("alg", t.alg, "kid", t.kid, "typ", t.typ), t.claims))
	l.add("header of 12 KiB of brackets", a.sign(strings.Repeat("[", 12<<10), nil))
	l.add("payload of 1 MiB", t.header+"."+strings.Repeat("A", 1<<20)+"."+t.signature)
	l.add("signature of 1 MiB", t.header+"."+t.payload+"."+strings.Repeat("A", 1<<20))
	l.add("four parts", t.whole+"."+t.signature)
	l.add("twice", t.whole+"."+t.whole)
	l.add("five parts as of a JWE", strings.Join([]string{
		encode([]byte(object("alg", `"dir"`, "enc", `"A256GCM"`, "kid", t.kid, "typ", t.typ))),
		"", encode(make([]byte, 12)), t.payload, encode(make([]byte, 16)),
	}, "."))
	l.add("JWE header in three parts", encode([]byte(object("alg", `"RSA-OAEP"`, "enc", `"A256GCM"`, "zip", `"DEF"`)))+"."+t.payload+"."+t.signature)
	l.add("JSON serialization", `{"payload":"`+t.payload+`","protected":"`+t.header+`","signature":"`+t.signature+`"}`)
	l.add("JSON serialization, general", `{"payload":"`+t.payload+`","signatures":[{"protected":"`+t.header+`","signature":"`+t.signature+`"}]}`)
	l.add("nested with cty", a.sign(object("alg", `"ES256"`, "kid", t.kid, "typ", t.typ, "cty", `"JWT"`), []byte(t.whole)))
	l.add("compressed", a.sign(object("alg", t.alg, "kid", t.kid, "typ", t.typ, "zip", `"DEF"`), deflate(t.claims)))
	for _, header := range []string{``, `{}`, `null`, `[]`, `""`, `{`, `}`, `{"alg"}`, `{"alg":}`, "\x00", "\xff\xfe"} {
		l.add("header "+quote(header), encode([]byte(header))+"."+t.payload+"."+t.signature)
	}
}

func deflate(b []byte) []byte {
	var buf bytes.Buffer
	w := must(flate.NewWriter(&buf, flate.BestCompression))
	must(w.Write(b))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}
