package keystest

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"slices"
)

func order() *big.Int { return elliptic.P256().Params().N }

func halfOrder() *big.Int { return new(big.Int).Rsh(order(), 1) }

// flipS returns the other ES256 signature that verifies: (r, n-s) for (r, s).
func flipS(signature []byte) []byte {
	twin := slices.Clone(signature)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(order(), s).FillBytes(twin[32:])
	return twin
}

// der returns an ES256 signature in the form of X.509.
func der(signature []byte) []byte {
	return must(asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(signature[:32]),
		new(big.Int).SetBytes(signature[32:]),
	}))
}

// addOrder returns an Ed25519 signature with the group order added to its
// scalar, which a verifier that does not reduce it takes for the same
// (RFC 8032, section 8.4).
func addOrder(signature []byte) []byte {
	l, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	twin := slices.Clone(signature)
	scalar := twin[32:]
	slices.Reverse(scalar) // it is little-endian
	s := new(big.Int).SetBytes(scalar)
	s.Add(s, l).FillBytes(scalar)
	slices.Reverse(scalar)
	return twin
}

// loosen returns the same bits in another spelling: with a bit set that the
// last character of an unpadded text leaves unused.
func loosen(encoded string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := slices.Index([]byte(alphabet), encoded[len(encoded)-1])
	return encoded[:len(encoded)-1] + string(alphabet[last|1])
}
