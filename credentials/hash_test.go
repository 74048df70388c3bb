package credentials_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/usher-oauth/usher/credentials"
)

// secretAt12 is the hash of "secret" in a widely copied tutorial.
const secretAt12 = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"

func TestParseHashReadsCost(t *testing.T) {
	t.Parallel()
	body := secretAt12[7:]
	for hash, want := range map[string]int{
		secretAt12:       12,
		"$2a$04$" + body: 4,
		"$2y$10$" + body: 10,
		"$2b$15$" + body: 15,
		// Some programs leave stray bits at the end of the salt: e became f.
		"$2b$12$EixZaYVK1fsbw1ZfbX3OXfPaWxn96p36WQoeG6Lruj3vjPGga31lW": 12,
	} {
		if got, err := credentials.ParseHash(hash); err != nil || got != want {
			t.Errorf("ParseHash(%q): got %d, %v, want %d", hash, got, err, want)
		}
	}
}

func TestParseHashRefusalSaysWhy(t *testing.T) {
	t.Parallel()
	body := secretAt12[7:]
	for _, tt := range []struct{ name, hash, want string }{
		{"empty", "", "not bcrypt"},
		{"plain text", "swordfish", "not bcrypt"},
		{"Argon2", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "is Argon2"},
		{"Django PBKDF2", "pbkdf2_sha256$600000$salt$hash", "is PBKDF2"},
		{"crypt", "$6$salt$" + body, "is SHA-512-crypt"},
		{"$2x$", "$2x$12$" + body, "$2x$"},
		{"$2$", "$2$12$" + body, "$2$"},
		{"letter of no bcrypt", "$2c$12$" + body, "not bcrypt"},
		{"cost 3", "$2b$03$" + body, "cost 3 is outside 4 to 15"},
		{"cost 16", "$2b$16$" + body, "cost 16 is outside 4 to 15"},
		{"signed cost", "$2b$+9$" + body, "no cost"},
		{"cost of one digit", "$2b$9$" + body, "not bcrypt"},
		{"cut", secretAt12[:59], "59 characters instead of 60"},
		{"padded", secretAt12 + "=", "61 characters instead of 60"},
		{"no base64", secretAt12[:40] + "!" + secretAt12[41:], "damaged"},
		{"line break inside", secretAt12[:40] + "\n" + secretAt12[41:], "damaged"},
		{"line break in the salt", secretAt12[:10] + "\n" + secretAt12[11:], "damaged"},
		{"stray bits in the digest", secretAt12[:59] + "X", "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := credentials.ParseHash(tt.hash)
			if !errors.Is(err, credentials.ErrHash) || !strings.Contains(err.Error(), tt.want) || got != 0 {
				t.Fatalf("got %d, %v, want ErrHash with %q", got, err, tt.want)
			}
			if tail := tt.hash[len(tt.hash)/2:]; len(tail) > 10 && strings.Contains(err.Error(), tail) {
				t.Errorf("%q repeats the hash", err)
			}
		})
	}
}

// What ParseHash accepts, bcrypt can compare.
func FuzzParseHash(f *testing.F) {
	f.Add(secretAt12)
	f.Add("$2y$04$" + secretAt12[7:])
	f.Add("$2a$+4$" + secretAt12[7:])
	f.Fuzz(func(t *testing.T, hash string) {
		want, err := credentials.ParseHash(hash)
		if err != nil {
			if !errors.Is(err, credentials.ErrHash) {
				t.Fatalf("got %v, want ErrHash", err)
			}
			return
		}
		if got, err := bcrypt.Cost([]byte(hash)); err != nil || got != want {
			t.Errorf("bcrypt reads %q as cost %d, %v, want %d", hash, got, err, want)
		}
	})
}

func TestCheckCost(t *testing.T) {
	t.Parallel()
	for cost, want := range map[int]error{3: credentials.ErrCost, 4: nil, 15: nil, 16: credentials.ErrCost, -1: credentials.ErrCost} {
		if got := credentials.CheckCost(cost); !errors.Is(got, want) {
			t.Errorf("CheckCost(%d): got %v, want %v", cost, got, want)
		}
	}
}
