package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

// Algorithm is a signature algorithm by its JOSE name (RFC 7518, section 3.1).
// There are three; every other name, "none" above all, is refused.
type Algorithm string

const (
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits
	EdDSA Algorithm = "EdDSA" // Ed25519 (RFC 8037)
)

// ParseAlgorithm returns the algorithm of that exact name.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch a := Algorithm(name); a {
	case ES256, RS256, EdDSA:
		return a, nil
	}
	return "", fmt.Errorf("unknown signature algorithm %q: use %s, %s or %s", name, ES256, RS256, EdDSA)
}

const (
	// rsaBits is the size of a generated RSA key. RS256 is for verifiers that
	// know nothing else; a larger key would only make it slower.
	rsaBits = 2048
	// maxRSABits bounds what a foreign key set can make one verification cost.
	maxRSABits = 8192
)

// fits returns an error unless public is a key that alg may be used with.
func (a Algorithm) fits(public any) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if a == ES256 && k.Curve == elliptic.P256() {
			return nil
		}
	case *rsa.PublicKey:
		if a == RS256 {
			if n := k.N.BitLen(); n < rsaBits || n > maxRSABits {
				return fmt.Errorf("RSA key of %d bits: want %d to %d", n, rsaBits, maxRSABits)
			}
			return nil
		}
	case ed25519.PublicKey:
		if a == EdDSA {
			return nil
		}
	}
	return fmt.Errorf("algorithm %q does not fit a key of type %T", a, public)
}
