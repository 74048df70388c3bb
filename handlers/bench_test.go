package handlers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/usher-oauth/usher/credentials"
)

// Each benchmark has two rows: bare is a handler that does the work nobody can do
// without, usher is the whole server. Their ratio is what the rest costs. Neither
// has a network in between, which would flatter the ratio.

func quiet(c *settings) { c.Log = slog.New(slog.DiscardHandler) }

// versus runs both handlers on the request that make returns.
func versus(b *testing.B, bare, usher http.Handler, want int, request func() *http.Request) {
	b.Helper()
	for _, row := range []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"usher", usher}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					w := httptest.NewRecorder()
					row.h.ServeHTTP(w, request())
					if w.Code != want {
						b.Errorf("got %d %s, want %d", w.Code, w.Body, want)
						return
					}
				}
			})
		})
	}
}

// Nothing but what stands around every handler.
func BenchmarkFront(b *testing.B) {
	s := newServer(b, quiet)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"status":"ok"}`) })
	versus(b, bare, s.public, http.StatusOK, func() *http.Request {
		return httptest.NewRequest(http.MethodGet, "/healthz", nil)
	})
}

// Unavoidable: read the form, one ES256 signature, write JSON.
func BenchmarkClientCredentials(b *testing.B) {
	s := newServer(b, quiet)
	key := newKey(b)
	claims := strings.Repeat("x", 380)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := readForm(w, r); !ok {
			return
		}
		digest := sha256.Sum256([]byte(claims))
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, `{"access_token":"`+claims+base64.RawURLEncoding.EncodeToString(signature)+`","token_type":"Bearer","expires_in":1800,"scope":"profile"}`)
	})
	body := encode("grant_type", "client_credentials", "client_id", "job", "client_secret", s.secrets["job"])
	versus(b, bare, s.public, http.StatusOK, func() *http.Request { return formRequest("/token", body) })
}

// Unavoidable: read the form, verify one ES256 signature, write JSON.
func BenchmarkIntrospect(b *testing.B) {
	s := newServer(b, quiet)
	body := encode("token", s.login("ann").Access, "client_id", "api", "client_secret", s.secrets["api"])
	versus(b, verifying(b), s.public, http.StatusOK, func() *http.Request { return formRequest("/introspect", body) })
}

// Unavoidable: verify one ES256 signature, write JSON.
func BenchmarkUsersMe(b *testing.B) {
	s := newServer(b, quiet)
	bearer := "Bearer " + s.login("ann").Access
	versus(b, verifying(b), s.public, http.StatusOK, func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/users/me", nil)
		r.Header.Set("Authorization", bearer)
		return r
	})
}

// Unavoidable: read the form, compare one bcrypt hash, write JSON.
func BenchmarkLogin(b *testing.B) {
	const cost = 10
	s := newServer(b, quiet, func(c *settings) { c.pool = credentials.PoolConfig{Cost: cost} })
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	check(b, err)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, ok := readForm(w, r)
		if !ok {
			return
		}
		if bcrypt.CompareHashAndPassword(hash, []byte(form.Get("password"))) != nil {
			http.Error(w, "wrong", http.StatusBadRequest)
			return
		}
		answer(w, `{"access_token":"`+strings.Repeat("x", 480)+`"}`)
	})
	body := encode("grant_type", "password", "username", "ann", "password", password)
	versus(b, bare, s.public, http.StatusOK, func() *http.Request { return formRequest("/token", body) })
}

func newKey(b *testing.B) *ecdsa.PrivateKey {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(b, err)
	return key
}

// verifying is a bare handler that verifies one signature.
func verifying(b *testing.B) http.Handler {
	b.Helper()
	key := newKey(b)
	digest := sha256.Sum256([]byte("header.payload"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	check(b, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := readForm(w, r); !ok {
			return
		}
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			http.Error(w, "wrong", http.StatusUnauthorized)
			return
		}
		answer(w, `{"active":true,"scope":"`+strings.Repeat("x", 280)+`"}`)
	})
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return form, true
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

func formRequest(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
