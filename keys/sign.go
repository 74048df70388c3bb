package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
)

// encoding is that of all three parts of a token (RFC 7515, section 2). Strict
// refuses set trailing bits, which would give one signature many spellings.
var encoding = base64.RawURLEncoding.Strict()

// maxSignature is the longest signature written or read: RSA of maxRSABits.
const maxSignature = maxRSABits / 8

// sign returns the compact JWS of claims (RFC 7515, section 3.1). The header
// has alg, kid and typ, in this order, and nothing else.
func (m *material) sign(typ string, claims []byte) (string, error) {
	if !isPlain(typ) || typ == "" {
		return "", fmt.Errorf("signing: %q is no media type", typ)
	}
	header := make([]byte, 0, 256)
	header = append(header, m.header...)
	header = append(header, typ...)
	header = append(header, `"}`...)

	// One buffer for the whole token; ES256 and EdDSA signatures have 64 bytes.
	token := make([]byte, 0, encoding.EncodedLen(len(header))+encoding.EncodedLen(len(claims))+encoding.EncodedLen(64)+2)
	token = encoding.AppendEncode(token, header)
	token = append(token, '.')
	token = encoding.AppendEncode(token, claims)
	signature, err := m.signature(token)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	token = append(token, '.')
	token = encoding.AppendEncode(token, signature)
	return string(token), nil
}

// signature signs input in the form that RFC 7518, sections 3.3 and 3.4, and
// RFC 8037, section 3.1, give.
func (m *material) signature(input []byte) ([]byte, error) {
	switch key := m.private.(type) {
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return encodeES256(r, s), nil
	case *rsa.PrivateKey:
		digest := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	}
	return nil, fmt.Errorf("no algorithm for a key of type %T", m.private)
}

// es256Size is the length of an ES256 signature: r and s, 32 bytes each
// (RFC 7518, section 3.4).
const es256Size = 64

// p256Order is the order n of the group of P-256, and p256HalfOrder is n/2
// rounded down, big-endian.
var (
	p256Order     = elliptic.P256().Params().N
	p256HalfOrder = new(big.Int).Rsh(p256Order, 1).FillBytes(make([]byte, es256Size/2))
)

// encodeES256 writes r and s with the lower of the two values of s that verify.
// Where (r, s) is a signature so is (r, n-s); a token must not have a twin that
// differs from it and is as good, or a revoked token could come back in
// another spelling.
func encodeES256(r, s *big.Int) []byte {
	signature := make([]byte, es256Size)
	r.FillBytes(signature[:es256Size/2])
	low := signature[es256Size/2:]
	s.FillBytes(low)
	if isHigh(low) {
		new(big.Int).Sub(p256Order, s).FillBytes(low)
	}
	return signature
}
