package keystest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
)

// Forgery is a token that must not be accepted.
type Forgery struct {
	Name  string // what is wrong with it; no two are the same
	Token string // may hold any byte at all, and be more than a megabyte long

	// Signed says that header and signature are genuine and only the claims are
	// wrong: a mere check of the signature accepts it.
	Signed bool
}

// InHeader reports whether the token arrives as it is when it is sent in an HTTP
// header. Clients refuse to send control characters, and servers cut blanks off
// both ends of a value (RFC 9110, section 5.5), which may leave a valid token.
// Such forgeries still fit into a form. A server may also answer for itself that
// a header is too large.
func (f Forgery) InHeader() bool {
	return f.Token != "" && strings.Trim(f.Token, " \t") == f.Token && strings.IndexFunc(f.Token, unicode.IsControl) < 0
}

// list collects forgeries.
type list struct {
	forgeries []Forgery
}

func (l *list) add(name, token string) {
	l.forgeries = append(l.forgeries, Forgery{Name: name, Token: token})
}

// encode is the encoding of a token's parts.
func encode(part []byte) string {
	return base64.RawURLEncoding.EncodeToString(part)
}

func decode(part string) []byte {
	return must(base64.RawURLEncoding.DecodeString(part))
}

// object writes a JSON object of names and raw values in turn. It keeps the
// order, repeats what is repeated and escapes nothing.
func object(namesAndValues ...string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(namesAndValues); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + namesAndValues[i] + `":` + namesAndValues[i+1])
	}
	b.WriteByte('}')
	return b.String()
}

// quote writes s as a JSON string.
func quote(s string) string {
	return string(must(json.Marshal(s)))
}

// input is what a signature covers.
func input(header string, payload []byte) string {
	return encode([]byte(header)) + "." + encode(payload)
}

// attacker has a key of its own, as good as any, which nobody trusts.
type attacker struct {
	key *ecdsa.PrivateKey
}

func newAttacker() attacker {
	return attacker{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

// sign returns a token whose ES256 signature is right for the attacker's key.
func (a attacker) sign(header string, payload []byte) string {
	signed := input(header, payload)
	return signed + "." + encode(signES256(a.key, signed))
}

// signES256 signs with s in the lower half, so that a forgery is refused for
// what it is and not for its form.
func signES256(key *ecdsa.PrivateKey, signed string) []byte {
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	if s.Cmp(halfOrder()) > 0 {
		return flipS(signature)
	}
	return signature
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
