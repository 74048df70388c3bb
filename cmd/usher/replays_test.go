package main

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/keys/keystest"
	"github.com/usher-oauth/usher/storage"
)

// What broke others of the kind, replayed by its id. Elsewhere stand CVE-2020-15223
// (package storage, fault_test.go) and those of guesses at passwords: CVE-2024-4629,
// CVE-2023-47111, CVE-2025-24806 (package provider, throttle_test.go), and, as
// GHSA-cq42-vhv7-xr7p of a lockout that hits the owner, throttle_test.go here.

// replays are the forgeries that stand for a vulnerability: those whose names match.
var replays = []struct {
	id      string // with the project that had it
	names   string
	atLeast int // how many of the list that must be
}{
	{"CVE-2015-9235 jsonwebtoken, alg none", `^alg "(?i:none)|^signature stripped`, 12},
	{"CVE-2015-9235 jsonwebtoken, HMAC under the PEM", `^HMAC as .* PEM`, 4},
	{"CVE-2024-37568 Authlib, HMAC under the public key", `^HMAC as HS256 `, 6},
	{"CVE-2022-29217 PyJWT, HMAC under other forms of the key", `^HMAC as .* (DER|raw bytes|JWK)$`, 6},
	{"CVE-2024-33663 python-jose, HMAC under the DER of an EC key", `^HMAC as .* DER$`, 2},
	{"CVE-2018-0114 node-jose, the token brings its key", `^(jwk|jku|x5u|x5c) (beside|before|without) kid`, 12},
	{"CVE-2021-29157 Dovecot, kid as a path", `^kid (path traversal|URL|SQL|shell|NUL|10 KiB)`, 7},
	{"CVE-2024-28180 go-jose, compressed", `^(compressed|JWE header|five parts|header with zip)`, 4},
	{"CVE-2025-27144 go-jose, many dots", `dots`, 6},
	{"CVE-2025-30204 golang-jwt, many dots", `^a megabyte of dots`, 2},
	{"CVE-2025-61920 Authlib, oversized parts", `1 MiB|12 KiB`, 5},
	{"hyprstream#1234, a kid and the key of another", `^kid .*signed by|^signed by .* under our kid`, 4},
}

func TestReplaysOfTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	secret := s.introspector()
	s.usher("key", "rotate") // so that a second key is published
	valid := s.login("web", "ann", annsPassword).AccessToken
	forgeries := keystest.Forgeries(s.ring(t), time.Now(), accesstoken.Type, payload(t, valid))

	for _, r := range replays {
		t.Run(r.id, func(t *testing.T) {
			names := regexp.MustCompile(r.names)
			var found []keystest.Forgery
			for _, f := range forgeries {
				if names.MatchString(f.Name) {
					found = append(found, f)
				}
			}
			if len(found) < r.atLeast {
				t.Fatalf("got %d forgeries, want at least %d", len(found), r.atLeast)
			}
			before := s.allocated()
			for _, f := range found {
				s.refuses(t, secret, f)
			}
			// A bomb makes the server allocate out of proportion to its size.
			if per := (s.allocated() - before) / float64(len(found)); per > 2<<20 {
				t.Errorf("each forgery cost %.0f bytes of memory, want at most 2 MiB for its five requests", per)
			}
		})
	}
	t.Run("claims that only the issuer could sign", func(t *testing.T) {
		for _, f := range forgeries {
			if f.Signed && f.Name != "claims: iat 31 seconds ahead" { // true by now
				t.Run(f.Name, func(t *testing.T) { s.refusesBearer(t, f) })
			}
		}
	})
	s.wants(http.StatusOK, valid, "the token they were made of")
}

// hydra#3573: a refresh after a rotation was signed by the old key.
func TestReplayARefreshIsSignedByTheKeyThatSigns(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.login("web", "ann", annsPassword)
	s.usher("key", "rotate", "--now")
	status, body := s.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}})
	var second tokens
	decode(t, body, &second)
	if status != http.StatusOK || kid(t, second.AccessToken) == kid(t, first.AccessToken) {
		t.Errorf("got %d and the key %s again, want the new one", status, kid(t, second.AccessToken))
	}
	s.wants(http.StatusOK, second.AccessToken, "signed by the new key")
	s.wants(http.StatusUnauthorized, first.AccessToken, "signed by the key that leaked")
}

// CVE-2020-15222 (fosite): a client assertion worked twice. Here none works at all,
// and a client with a secret is not taken for one that needs none.
func TestReplayNoClientAssertionIsTaken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.usher("client", "add", "job", "--grants", "client_credentials")
	for range 2 {
		status, body := s.post("/token", "", "", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"job"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"e30.e30.AA"},
		})
		if status != http.StatusUnauthorized || !strings.Contains(body, "invalid_client") {
			t.Errorf("got %d %s, want invalid_client", status, body)
		}
	}
}

// introspector adds the client rs, which may introspect, and returns its secret.
func (s *testServer) introspector() string {
	s.t.Helper()
	var rs struct {
		Secret string `json:"client_secret"`
	}
	decode(s.t, s.usher("client", "add", "rs", "--introspect", "--json"), &rs)
	return rs.Secret
}

// ring opens the server's signing keys, as whoever stole its files could.
func (s *testServer) ring(t *testing.T) *keys.Ring {
	t.Helper()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(s.Dir, "usher.db"), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	master, err := readMaster(filepath.Join(s.Dir, "usher.db.key"), func(slog.Level, string) {})
	if err != nil {
		t.Fatal(err)
	}
	ring, _, err := (&admin.Keys{Store: store, Master: master}).Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// allocated is how many bytes the server has allocated since it started.
func (s *testServer) allocated() float64 {
	s.t.Helper()
	return s.metric("go_memstats_alloc_bytes_total")
}

// metric reads one that has no labels.
func (s *testServer) metric(name string) float64 {
	s.t.Helper()
	_, body := s.get(s.AdminURL+"/metrics", "")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}

func payload(t *testing.T, token string) []byte {
	t.Helper()
	return part(t, token, 1)
}

func kid(t *testing.T, token string) string {
	t.Helper()
	var header struct{ Kid string }
	if err := json.Unmarshal(part(t, token, 0), &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

// part decodes the part of a token of that number.
func part(t *testing.T, token string, n int) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}
