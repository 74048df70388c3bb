package accesstoken_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const issuer = "https://issuer.example"

func user() accesstoken.Claims {
	return accesstoken.Claims{
		Issuer: issuer, Subject: "u1", Audience: []string{"https://api.example", "orders"},
		Expiry: epoch.Unix() + 900, IssuedAt: epoch.Unix(), ID: "grant.user.client.random",
		ClientID: "app", Scope: "profile orders:read", AuthTime: epoch.Unix() - 60,
	}
}

func machine() accesstoken.Claims {
	return accesstoken.Claims{
		Issuer: issuer, Subject: "job", Audience: []string{"orders"},
		Expiry: epoch.Unix() + 900, IssuedAt: epoch.Unix(), ID: "..client.random", ClientID: "job",
	}
}

// The golden files are the whole token as an API sees it, but for the signature.
func TestGolden(t *testing.T) {
	t.Parallel()
	// The key of RFC 8037, appendix A.1, so that the kid is always the same.
	der := append([]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20},
		decode(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")...)
	key, err := keys.ParseKey("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", keys.EdDSA, der)
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing([]keys.Key{key})
	for name, claims := range map[string]accesstoken.Claims{"user": user(), "machine": machine()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := accesstoken.Sign(ring, epoch, claims)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(token, ".")
			var got bytes.Buffer
			for _, part := range parts[:2] {
				if err := json.Indent(&got, decode(t, part), "", "  "); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
			}
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("header and claims (-want +got):\n%s", diff)
			}
			payload, err := ring.Verify(epoch, token, accesstoken.Type)
			if err != nil {
				t.Fatal(err)
			}
			read, err := accesstoken.Parse(payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(claims, read); diff != "" {
				t.Errorf("claims read again (-want +got):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, part string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signer signs nothing and remembers what it was asked for.
type signer struct {
	typ     string
	payload []byte
	err     error
}

func (s *signer) Sign(_ time.Time, typ string, claims []byte) (string, error) {
	s.typ, s.payload = typ, claims
	return "token", s.err
}

func TestSignRefusesIncompleteClaims(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*accesstoken.Claims){
		"iss":       func(c *accesstoken.Claims) { c.Issuer = "" },
		"sub":       func(c *accesstoken.Claims) { c.Subject = "" },
		"aud":       func(c *accesstoken.Claims) { c.Audience = nil },
		"exp":       func(c *accesstoken.Claims) { c.Expiry = 0 },
		"iat":       func(c *accesstoken.Claims) { c.IssuedAt = -1 },
		"jti":       func(c *accesstoken.Claims) { c.ID = "" },
		"client_id": func(c *accesstoken.Claims) { c.ClientID = "" },
		"auth_time": func(c *accesstoken.Claims) { c.AuthTime = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := new(signer), user()
			spoil(&c)
			token, err := accesstoken.Sign(s, epoch, c)
			if !errors.Is(err, accesstoken.ErrInvalid) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %q, %v, want ErrInvalid about %s", token, err, name)
			}
			if s.payload != nil {
				t.Errorf("got %s signed", s.payload)
			}
		})
	}
}

func TestSignPassesErrorsOn(t *testing.T) {
	t.Parallel()
	if _, err := accesstoken.Sign(&signer{err: keys.ErrNoKey}, epoch, user()); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scope string
		want  []string
	}{
		{"", nil},
		{"profile", []string{"profile"}},
		{"profile orders:read", []string{"profile", "orders:read"}},
		{" profile  orders:read ", []string{"profile", "orders:read"}},
	} {
		c := accesstoken.Claims{Scope: tt.scope}
		if diff := cmp.Diff(tt.want, c.Scopes()); diff != "" {
			t.Errorf("%q: Scopes (-want +got):\n%s", tt.scope, diff)
		}
		for _, s := range tt.want {
			if !c.HasScope(s) {
				t.Errorf("%q: HasScope(%q): got false, want true", tt.scope, s)
			}
		}
		for _, s := range []string{"", "prof", "Profile", "orders", "profile orders:read", " "} {
			if c.HasScope(s) {
				t.Errorf("%q: HasScope(%q): got true, want false", tt.scope, s)
			}
		}
	}
}

func TestHasAudience(t *testing.T) {
	t.Parallel()
	c := user()
	for audience, want := range map[string]bool{"orders": true, "https://api.example": true, "https://api.example/": false, "order": false, "": false} {
		if got := c.HasAudience(audience); got != want {
			t.Errorf("HasAudience(%q): got %t, want %t", audience, got, want)
		}
	}
}
