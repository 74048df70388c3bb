package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/usher-oauth/usher/keys"
)

// BenchmarkSign and BenchmarkVerify stand beside the bare cryptography, which
// is what a signature has to cost.
func BenchmarkSign(b *testing.B) {
	for _, alg := range algorithms {
		ring := newRing(b, alg)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Sign(epoch, typ, []byte(claims)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(alg)+"/bare", func(b *testing.B) {
			bare := newBare(b, ring)
			b.ReportAllocs()
			for b.Loop() {
				bare.sign(b)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms {
		ring := newRing(b, alg)
		b.Run(string(alg), func(b *testing.B) {
			token := sign(b, ring, epoch, claims)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Verify(epoch, token, typ); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(alg)+"/bare", func(b *testing.B) {
			bare := newBare(b, ring)
			signature := bare.sign(b)
			b.ReportAllocs()
			for b.Loop() {
				bare.verify(b, signature)
			}
		})
	}
}

func BenchmarkDocument(b *testing.B) {
	ring := newRing(b, keys.ES256)
	b.ReportAllocs()
	for b.Loop() {
		if ring.Document(epoch).ETag == "" {
			b.Fatal("no document")
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	m := master(b, keys.NewMasterLine())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Seal("purpose", []byte(claims), []byte("context")); err != nil {
			b.Fatal(err)
		}
	}
}

// bare signs and verifies the bytes of a token and does nothing else.
type bare struct {
	private crypto.Signer
	input   []byte
	digest  [32]byte
}

func newBare(b *testing.B, ring *keys.Ring) bare {
	b.Helper()
	k, err := ring.SigningKey(epoch)
	if err != nil {
		b.Fatal(err)
	}
	der, err := k.MarshalPrivate()
	if err != nil {
		b.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		b.Fatal(err)
	}
	input := []byte(claims + claims) // about as long as a token
	return bare{private.(crypto.Signer), input, sha256.Sum256(input)}
}

func (x bare) sign(b *testing.B) []byte {
	var signature []byte
	var err error
	switch k := x.private.(type) {
	case *ecdsa.PrivateKey:
		signature, err = ecdsa.SignASN1(rand.Reader, k, x.digest[:])
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, x.digest[:])
	case ed25519.PrivateKey:
		signature = ed25519.Sign(k, x.input)
	}
	if err != nil {
		b.Fatal(err)
	}
	return signature
}

func (x bare) verify(b *testing.B, signature []byte) {
	ok := false
	switch k := x.private.Public().(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, x.digest[:], signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, crypto.SHA256, x.digest[:], signature) == nil
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, x.input, signature)
	}
	if !ok {
		b.Fatal("refused")
	}
}
