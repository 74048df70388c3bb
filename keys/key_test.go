package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/keys"
)

func TestParseAlgorithm(t *testing.T) {
	t.Parallel()
	for _, want := range algorithms {
		if got, err := keys.ParseAlgorithm(string(want)); err != nil || got != want {
			t.Errorf("ParseAlgorithm(%q): got %q, %v", want, got, err)
		}
	}
	for _, name := range []string{"", "none", "es256", "ES256 ", "HS256", "PS256", "ES384", "Ed25519"} {
		if got, err := keys.ParseAlgorithm(name); err == nil {
			t.Errorf("ParseAlgorithm(%q): got %q, want an error", name, got)
		}
	}
}

func TestGenerateUnknownAlgorithm(t *testing.T) {
	t.Parallel()
	if _, err := keys.Generate("HS256"); err == nil {
		t.Error("got no error, want one")
	}
}

func TestKeyRoundTrip(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			made := key(t, alg, epoch)
			stored, err := made.MarshalPrivate()
			if err != nil {
				t.Fatal(err)
			}
			read, err := keys.ParseKey(made.ID, alg, stored)
			if err != nil {
				t.Fatal(err)
			}
			read.CreatedAt, read.SignsFrom = epoch, epoch
			token := sign(t, keys.NewRing([]keys.Key{read}), epoch, `{}`)
			if _, err := keys.NewRing([]keys.Key{made}).Verify(epoch, token, typ); err != nil {
				t.Errorf("a token of the key read again: %v", err)
			}
		})
	}
}

// What is stored is trusted only as far as it agrees with itself: whoever can
// write to the database must not be able to slip in a key under a known id.
func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	k := key(t, keys.ES256, epoch)
	stored, err := k.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	p384 := pkcs8(t, func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) })
	short := pkcs8(t, func() (any, error) { return rsa.GenerateKey(rand.Reader, 1024) })
	for _, tt := range []struct {
		name, id string
		alg      keys.Algorithm
		pkcs8    []byte
		want     string
	}{
		{"another id", "AAAA", keys.ES256, stored, "thumbprint"},
		{"another algorithm", k.ID, keys.RS256, stored, "does not fit"},
		{"an unknown algorithm", k.ID, "ES384", stored, "does not fit"},
		{"another curve", k.ID, keys.ES256, p384, "does not fit"},
		{"a short RSA key", k.ID, keys.RS256, short, "1024 bits"},
		{"nothing", k.ID, keys.ES256, nil, "PKCS #8"},
		{"cut", k.ID, keys.ES256, stored[:len(stored)-1], "PKCS #8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := keys.ParseKey(tt.id, tt.alg, tt.pkcs8)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
		})
	}
}

func pkcs8(t *testing.T, generate func() (any, error)) []byte {
	t.Helper()
	private, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestMarshalPrivateOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := (keys.Key{ID: "x"}).MarshalPrivate(); err == nil {
		t.Error("got no error, want one")
	}
}

// The private key of RFC 8037, appendix A.1, has the thumbprint of its appendix
// A.3, which RFC 7638 defines.
func TestThumbprintKnownAnswer(t *testing.T) {
	t.Parallel()
	const (
		seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
		want = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	)
	raw, err := base64.RawURLEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 8410, section 7: the fixed beginning of an Ed25519 PKCS #8 key.
	der := append([]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}, raw...)
	k, err := keys.ParseKey(want, keys.EdDSA, der)
	if err != nil {
		t.Fatal(err)
	}
	if k.ID != want {
		t.Errorf("got %s, want %s", k.ID, want)
	}
}

func TestKeyPrintsNoPrivatePart(t *testing.T) {
	t.Parallel()
	k := key(t, keys.EdDSA, epoch)
	der, err := k.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	seed := der[len(der)-32:]
	asJSON, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		for _, v := range []any{k, &k, []keys.Key{k}, struct{ k keys.Key }{k}, struct{ k *keys.Key }{&k}} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
	}
	for _, text := range printed {
		for _, secret := range []string{
			strings.Trim(fmt.Sprint(seed[:8]), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", seed[:8]), "[]byte{"), "}"),
			base64.RawURLEncoding.EncodeToString(seed)[:16],
		} {
			if strings.Contains(text, secret) {
				t.Errorf("printed %q, which has the private %q", text, secret)
			}
		}
	}
}
