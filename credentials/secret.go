package credentials

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
	"unicode/utf8"
)

// MinSecretChars is the length of the shortest secret a client may bring, in
// characters (Unicode code points).
const MinSecretChars = 16

// How a stored client secret says what it is.
const (
	generatedPrefix = "sha256:"        // hex of SHA-256
	broughtPrefix   = "bcrypt-sha256:" // bcrypt over base64 of SHA-256
)

// GenerateSecret makes a client secret of 256 random bits, in 43 characters of
// base64url.
func GenerateSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashSecret hashes a secret made by [GenerateSecret]. Nobody guesses 256 bits,
// so the hash need not be slow, and machines may call often.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return generatedPrefix + hex.EncodeToString(sum[:])
}

// maxRemembered is how many secrets Secrets remembers; beyond it, an arbitrary
// one is forgotten, and costs one bcrypt again.
const maxRemembered = 4096

// Secrets checks the secrets of clients. Those that people bring are hashed
// slowly, but each is paid for once in a process: success is remembered, by a
// MAC under a key that never leaves memory. Failure never is. It is safe for
// concurrent use.
type Secrets struct {
	pool *Pool
	key  []byte

	mu         sync.Mutex
	remembered map[mac]struct{}
}

type mac [sha256.Size]byte

// NewSecrets makes a Secrets that does its bcrypt in pool.
func NewSecrets(pool *Pool) *Secrets {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return &Secrets{pool: pool, key: key, remembered: make(map[mac]struct{})}
}

// HashBrought hashes a secret somebody brought, of any length and any bytes
// from [MinSecretChars] characters on. The error wraps [ErrSecret], or is one
// of [Pool.Hash].
func (s *Secrets) HashBrought(ctx context.Context, secret string) (string, error) {
	if n := utf8.RuneCountInString(secret); n < MinSecretChars {
		return "", refuse(ErrSecret, "client secret has %d characters: bring one of at least %d, or have one generated", n, MinSecretChars)
	}
	hash, err := s.pool.Hash(ctx, condense(secret))
	if err != nil {
		return "", err
	}
	return broughtPrefix + hash, nil
}

// condense fits a secret of any length into the 72 bytes bcrypt reads, without
// a NUL.
func condense(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Known is what can be told of a secret without hashing it slowly: ok that it is
// the one hash was made of, guessable that it is one that somebody brought. Where
// it is guessable and not ok, only [Secrets.Check] can tell.
func (s *Secrets) Known(hash, secret string) (ok, guessable bool) {
	if strings.HasPrefix(hash, generatedPrefix) {
		return subtle.ConstantTimeCompare([]byte(hash), []byte(HashSecret(secret))) == 1, false
	}
	return s.remembers(s.mac(hash, secret)), hash != ""
}

// Check tells whether secret is the one that [HashSecret] or
// [Secrets.HashBrought] made hash of. Nothing matches an empty hash. The errors
// are those of [Pool.Check], and one wrapping [ErrHash] for a hash of neither
// kind.
func (s *Secrets) Check(ctx context.Context, hash, secret string) (bool, error) {
	if ok, guessable := s.Known(hash, secret); ok || !guessable {
		return ok, nil
	}
	slow, ok := strings.CutPrefix(hash, broughtPrefix)
	cost, err := ParseHash(slow)
	if !ok || err != nil {
		return false, refuse(ErrHash, "stored client secret is damaged: give the client a new one")
	}
	m := s.mac(hash, secret)
	var match bool
	err = s.pool.do(ctx, 1<<cost, func(w *spent) {
		// Of many calls that came before the first was done, one pays.
		if match = s.remembers(m); match {
			return
		}
		if match = w.matches(slow, cost, condense(secret)); match {
			s.remember(m)
		}
	})
	if err != nil {
		return false, err
	}
	return match, nil
}

// mac identifies a pair of hash and secret. Hashes of one kind have one length,
// so no two pairs read the same.
func (s *Secrets) mac(hash, secret string) mac {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(hash))
	h.Write([]byte(secret))
	return mac(h.Sum(nil))
}

func (s *Secrets) remembers(m mac) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.remembered[m]
	return ok
}

func (s *Secrets) remember(m mac) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.remembered) >= maxRemembered {
		for old := range s.remembered {
			delete(s.remembered, old)
			break
		}
	}
	s.remembered[m] = struct{}{}
}
