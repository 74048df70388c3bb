package keys_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/keys/keystest"
)

const claims = `{"iss":"https://issuer.example","sub":"u1","aud":["https://api.example"],"exp":1772370000,"iat":1772366400,"jti":"g.u.c.r","client_id":"app","scope":"profile"}`

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			ring := newRing(t, alg)
			token := sign(t, ring, epoch, claims)

			signing, err := ring.SigningKey(epoch)
			if err != nil {
				t.Fatal(err)
			}
			header, err := base64.RawURLEncoding.DecodeString(token[:strings.IndexByte(token, '.')])
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"alg":"` + string(alg) + `","kid":"` + signing.ID + `","typ":"at+jwt"}`; string(header) != want {
				t.Errorf("header: got %s, want %s", header, want)
			}
			if got, err := keys.KeyID(token); err != nil || got != signing.ID {
				t.Errorf("KeyID: got %q, %v, want %q", got, err, signing.ID)
			}

			set := parseSet(t, ring.Document(epoch).JSON)
			for _, typ := range []string{"at+jwt", "AT+JWT"} {
				if got, err := ring.Verify(epoch, token, typ); err != nil || string(got) != claims {
					t.Errorf("Ring.Verify as %s: got %s, %v", typ, got, err)
				}
				if got, err := set.Verify(token, typ); err != nil || string(got) != claims {
					t.Errorf("Set.Verify as %s: got %s, %v", typ, got, err)
				}
			}
			for _, typ := range []string{"", "JWT", "at", "token-introspection+jwt"} {
				if _, err := ring.Verify(epoch, token, typ); !errors.Is(err, keys.ErrInvalid) {
					t.Errorf("Ring.Verify as %q: got %v, want ErrInvalid", typ, err)
				}
			}
		})
	}
}

// RFC 7515, section 4.1.9: "application/" may be left out, so it may be there.
func TestVerifyFullMediaType(t *testing.T) {
	t.Parallel()
	ring := newRing(t, keys.ES256)
	for _, typ := range []string{"application/at+jwt", "Application/AT+jwt"} {
		token, err := ring.Sign(epoch, typ, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Verify(epoch, token, "at+jwt"); err != nil {
			t.Errorf("typ %s: %v", typ, err)
		}
	}
}

func TestSignRefusesTypes(t *testing.T) {
	t.Parallel()
	ring := newRing(t, keys.ES256)
	for _, typ := range []string{"", `a"b`, `a\b`, "a\nb", "at+jẃt"} {
		if token, err := ring.Sign(epoch, typ, []byte(claims)); err == nil {
			t.Errorf("typ %q: got %s, want an error", typ, token)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			ring := newRing(t, alg)
			set := parseSet(t, ring.Document(epoch).JSON)
			seen := make(map[string]bool)
			for _, f := range keystest.Forgeries(ring, epoch, typ, []byte(claims)) {
				if seen[f.Name] {
					t.Errorf("two forgeries have the name %q", f.Name)
				}
				seen[f.Name] = true
				_, ringErr := ring.Verify(epoch, f.Token, typ)
				_, setErr := set.Verify(f.Token, typ)
				if f.Signed { // refused by whoever reads the claims
					if ringErr != nil || setErr != nil {
						t.Errorf("%s: got %v and %v, want it accepted here", f.Name, ringErr, setErr)
					}
					continue
				}
				if !errors.Is(ringErr, keys.ErrInvalid) {
					t.Errorf("%s: Ring.Verify: got %v, want ErrInvalid", f.Name, ringErr)
				}
				if !errors.Is(setErr, keys.ErrInvalid) {
					t.Errorf("%s: Set.Verify: got %v, want ErrInvalid", f.Name, setErr)
				}
				if ringErr != nil && len(ringErr.Error()) > 200 {
					t.Errorf("%s: the error repeats the token: %.200s…", f.Name, ringErr)
				}
			}
			t.Logf("%d forgeries", len(seen))
		})
	}
}

// A token's error says that its key is unknown only where a newer key set may
// help: it is what a verifier fetches one for.
func TestUnknownKey(t *testing.T) {
	t.Parallel()
	ring := newRing(t, keys.ES256)
	own := key(t, keys.ES256, epoch)
	other, err := keys.Generate(keys.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	other.CreatedAt, other.SignsFrom = epoch, epoch
	token := sign(t, keys.NewRing([]keys.Key{other}), epoch, claims)
	if _, err := ring.Verify(epoch, token, typ); !errors.Is(err, keys.ErrUnknownKey) || !errors.Is(err, keys.ErrInvalid) {
		t.Errorf("token of another ring: got %v, want ErrUnknownKey and ErrInvalid", err)
	}
	if set := parseSet(t, ring.Document(epoch).JSON); set.Has(other.ID) || !set.Has(own.ID) {
		t.Errorf("Has: got %t and %t, want false and true", set.Has(other.ID), set.Has(own.ID))
	}
	broken := sign(t, ring, epoch, claims)
	if _, err := ring.Verify(epoch, broken[:len(broken)-2], typ); errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("cut token: got %v, want no ErrUnknownKey", err)
	}
}

func TestKeyIDRefuses(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "..", "a.b", "e30.e30.e30", strings.Repeat(".", 1<<20), " .."} {
		if kid, err := keys.KeyID(token); !errors.Is(err, keys.ErrInvalid) || kid != "" {
			t.Errorf("KeyID(%.20q): got %q, %v, want ErrInvalid", token, kid, err)
		}
	}
}

// A signature with the higher s is as good to ECDSA. If half of our tokens had
// it, refusing it would refuse our own.
func TestES256SignaturesHaveTheLowS(t *testing.T) {
	t.Parallel()
	half, ok := new(big.Int).SetString("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8", 16)
	if !ok {
		t.Fatal("not a number")
	}
	ring := keys.NewRing([]keys.Key{key(t, keys.ES256, epoch)})
	for range 500 {
		token := sign(t, ring, epoch, claims)
		signature, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
		if err != nil {
			t.Fatal(err)
		}
		if len(signature) != 64 {
			t.Fatalf("got %d bytes, want 64", len(signature))
		}
		if s := new(big.Int).SetBytes(signature[32:]); s.Cmp(half) > 0 {
			t.Fatalf("got s = %x, want at most %x", s, half)
		}
		if _, err := ring.Verify(epoch, token, typ); err != nil {
			t.Fatal(err)
		}
	}
}

// It can't run in parallel: it counts what the process allocates.
func TestRefusingHugeTokensIsCheap(t *testing.T) {
	ring := newRing(t, keys.ES256)
	valid := sign(t, ring, epoch, claims)
	for name, token := range map[string]string{
		"dots":    strings.Repeat(".", 1<<20),
		"letters": strings.Repeat("A", 1<<20),
		"header":  strings.Repeat("e", 1<<20) + ".e30.AA",
		"payload": strings.Replace(valid, ".", "."+strings.Repeat("A", 1<<20), 1),
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 100
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				if _, err := ring.Verify(epoch, token, typ); err == nil {
					t.Fatal("accepted")
				}
			}
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 512 {
				t.Errorf("got %d bytes allocated for one, want at most 512", got)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	ring := newRing(f, keys.ES256)
	set := parseSet(f, ring.Document(epoch).JSON)
	valid := sign(f, ring, epoch, claims)
	f.Add(valid)
	for _, forgery := range keystest.ForgeriesFromToken(valid, ring.Document(epoch).JSON) {
		if len(forgery.Token) < 2<<10 {
			f.Add(forgery.Token)
		}
	}
	f.Fuzz(func(t *testing.T, token string) {
		payload, err := set.Verify(token, typ)
		switch {
		case err == nil && token != valid:
			t.Fatalf("accepted %q", token)
		case err == nil && string(payload) != claims:
			t.Fatalf("got payload %q, want %q", payload, claims)
		case err != nil && token == valid:
			t.Fatal(err)
		case err != nil && !errors.Is(err, keys.ErrInvalid):
			t.Fatalf("got %v, want ErrInvalid", err)
		}
		if _, err := ring.Verify(epoch, token, typ); (err == nil) != (token == valid) {
			t.Fatalf("Ring.Verify(%q): got %v", token, err)
		}
	})
}

func FuzzParseSet(f *testing.F) {
	document := newRing(f, keys.ES256).Document(epoch).JSON
	f.Add(document)
	f.Add(bytes.Replace(document, []byte("EC"), []byte("oct"), 1))
	f.Add([]byte(`{"keys":[{}]}`))
	f.Fuzz(func(t *testing.T, jwks []byte) {
		set, err := keys.ParseSet(jwks)
		if (set == nil) == (err == nil) {
			t.Errorf("got %v, %v, want one of the two", set, err)
		}
	})
}
