package credentials_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/usher-oauth/usher/credentials"
)

func TestGeneratedSecret(t *testing.T) {
	t.Parallel()
	s := credentials.NewSecrets(newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1}))
	one, two := credentials.GenerateSecret(), credentials.GenerateSecret()
	if b, err := base64.RawURLEncoding.DecodeString(one); err != nil || len(b) != 32 || one == two {
		t.Errorf("got %q and %q, want twice 256 bits in base64url", one, two)
	}
	hash := credentials.HashSecret(one)
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(hash) {
		t.Errorf("hash: got %q, want sha256: and hex", hash)
	}
	for secret, want := range map[string]bool{one: true, two: false, "": false, hash: false} {
		if got, err := s.Check(t.Context(), hash, secret); err != nil || got != want {
			t.Errorf("Check(%q): got %t, %v, want %t", secret, got, err, want)
		}
	}
}

func TestBroughtSecret(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1})
	s := credentials.NewSecrets(p)
	long := strings.Repeat("x", 100)
	for _, secret := range []string{"correct horse battery", long, "sixteen bytes\x00\xff!!", strings.Repeat("é", 16)} {
		hash, err := s.HashBrought(t.Context(), secret)
		if err != nil {
			t.Errorf("HashBrought(%q): %v", secret, err)
			continue
		}
		for guess, want := range map[string]bool{
			secret:       true,
			secret + "x": false, // past the 72nd byte too
			"":           false,
			secret[:16]:  len(secret) == 16,
		} {
			if got, err := s.Check(t.Context(), hash, guess); err != nil || got != want {
				t.Errorf("secret %q, Check(%q): got %t, %v, want %t", secret, guess, got, err, want)
			}
		}
	}
	_, err := s.HashBrought(t.Context(), "fifteen letters")
	if !errors.Is(err, credentials.ErrSecret) || !strings.Contains(err.Error(), "15 characters") {
		t.Errorf("15 characters: got %v, want ErrSecret saying so", err)
	}
}

func TestBroughtSecretIsPaidForOnce(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1})
	s := credentials.NewSecrets(p)
	hash, err := s.HashBrought(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.HashBrought(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	start := p.Stats().Units
	paid := func() uint64 { return (p.Stats().Units - start) / (1 << 4) }

	var wg sync.WaitGroup
	for range 16 { // at once, as after a restart
		wg.Go(func() {
			if got, err := s.Check(t.Context(), hash, "correct horse battery"); err != nil || !got {
				t.Errorf("got %t, %v, want true", got, err)
			}
		})
	}
	wg.Wait()
	if got := paid(); got != 1 {
		t.Errorf("16 successes: got %d compares, want 1", got)
	}
	for range 3 {
		if got, err := s.Check(t.Context(), hash, "wrong horse, battery flat"); err != nil || got {
			t.Errorf("wrong secret: got %t, %v, want false", got, err)
		}
	}
	if got := paid(); got != 4 {
		t.Errorf("3 failures later: got %d compares, want 4", got)
	}
	if got, err := s.Check(t.Context(), other, "correct horse battery"); err != nil || !got {
		t.Errorf("same secret, other hash: got %t, %v, want true", got, err)
	}
	if got := paid(); got != 5 {
		t.Errorf("another hash later: got %d compares, want 5", got)
	}
}

func TestSecretMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := credentials.NewSecrets(newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1}))
	for i := range credentials.MaxRemembered + 10 {
		s.Remember("hash", fmt.Sprint(i))
	}
	if got, want := s.Remembered(), credentials.MaxRemembered; got != want {
		t.Errorf("got %d remembered, want %d", got, want)
	}
}

func TestSecretWithoutGoodHash(t *testing.T) {
	t.Parallel()
	p := newPool(t, credentials.PoolConfig{Cost: 4, Workers: 1})
	s := credentials.NewSecrets(p)
	if got, err := s.Check(t.Context(), "", ""); err != nil || got {
		t.Errorf("no hash: got %t, %v, want false", got, err)
	}
	for _, hash := range []string{"swordfish", "bcrypt-sha256:$2a$04$cut", hashAt(t, "swordfish", 4)} {
		if got, err := s.Check(t.Context(), hash, "swordfish"); !errors.Is(err, credentials.ErrHash) || got {
			t.Errorf("hash %q: got %t, %v, want ErrHash", hash, got, err)
		}
	}
	hash, err := s.HashBrought(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got, err := s.Check(t.Context(), hash, "correct horse battery"); !errors.Is(err, credentials.ErrClosed) || got {
		t.Errorf("closed pool: got %t, %v, want ErrClosed", got, err)
	}
	if _, err := s.HashBrought(t.Context(), "correct horse battery"); !errors.Is(err, credentials.ErrClosed) {
		t.Errorf("HashBrought with a closed pool: got %v, want ErrClosed", err)
	}
}
