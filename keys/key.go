package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is a signing key and its place in the schedule. [Generate] and [ParseKey]
// make keys; the times are the caller's to set, or those of [Ring.Rotate].
//
// Printing a Key shows no private material.
type Key struct {
	ID        string // RFC 7638 thumbprint; the kid of tokens and key sets
	Algorithm Algorithm

	CreatedAt time.Time
	// ForAudiences puts the key into the line of its algorithm, which signs for
	// audiences that ask for that algorithm. The main line signs all else.
	ForAudiences bool

	SignsFrom      time.Time // not used to sign before
	SignsUntil     time.Time // not used to sign from then on; zero: until another of its line does
	PublishedUntil time.Time // gone from then on; zero: no end is planned

	// A function, because all that any way of printing shows of one is an
	// address. Through a pointer, fmt shows bytes for a verb that does not fit.
	material func() *material
}

// material is what a key needs at each use, prepared once.
type material struct {
	private crypto.Signer
	public  publicKey
	header  string // the protected header up to the value of typ
	jwk     []byte // the entry in the key set; public members only
}

// Generate makes a key from the system's randomness. Its times are zero.
func Generate(alg Algorithm) (Key, error) {
	for {
		private, err := generate(alg)
		if err != nil {
			return Key{}, fmt.Errorf("generating key: %w", err)
		}
		k, err := newKey(alg, private)
		// An id that begins with a dash would be a flag on a command line.
		if err != nil || k.ID[0] != '-' {
			return k, err
		}
	}
}

func generate(alg Algorithm) (crypto.Signer, error) {
	switch alg {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	_, err := ParseAlgorithm(string(alg))
	return nil, err
}

// ParseKey reads what [Key.MarshalPrivate] wrote. It is an error if the key
// does not have the given thumbprint or is not of the given algorithm: whoever
// exchanges stored keys is not to be followed.
func ParseKey(id string, alg Algorithm, pkcs8 []byte) (Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		// The cause is not repeated: it may describe private bytes.
		return Key{}, fmt.Errorf("parsing key %q: not a PKCS #8 private key", id)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return Key{}, fmt.Errorf("parsing key %q: a key of type %T does not sign", id, parsed)
	}
	k, err := newKey(alg, private)
	if err != nil {
		return Key{}, fmt.Errorf("parsing key %q: %w", id, err)
	}
	if k.ID != id {
		return Key{}, fmt.Errorf("parsing key %q: its thumbprint is %q", id, k.ID)
	}
	return k, nil
}

// MarshalPrivate returns the private key as PKCS #8, in the clear: seal it.
func (k Key) MarshalPrivate() ([]byte, error) {
	if k.material == nil {
		return nil, errors.New("marshalling key: it has no private part")
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.material().private)
	if err != nil {
		return nil, fmt.Errorf("marshalling key: %w", err)
	}
	return der, nil
}

func newKey(alg Algorithm, private crypto.Signer) (Key, error) {
	if err := alg.fits(private.Public()); err != nil {
		return Key{}, err
	}
	jwk := jose.JSONWebKey{Key: private.Public(), Use: "sig", Algorithm: string(alg)}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("computing thumbprint: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	entry, err := jwk.MarshalJSON()
	if err != nil {
		return Key{}, fmt.Errorf("writing JWK: %w", err)
	}
	m := &material{
		private: private,
		public:  publicKey{alg, private.Public()},
		header:  `{"alg":"` + string(alg) + `","kid":"` + jwk.KeyID + `","typ":"`,
		jwk:     entry,
	}
	return Key{ID: jwk.KeyID, Algorithm: alg, material: func() *material { return m }}, nil
}
