package provider_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// verifier is a resource server that caches the key set for as long as it is told
// and asks for no newer one before.
type verifier struct {
	node  *provider.Provider
	clock *storagetest.Clock
	set   *keys.Set
	until time.Time
}

func (v *verifier) verify(t *testing.T, token string) error {
	if now := v.clock.Now(); v.set == nil || !now.Before(v.until) {
		document, err := v.node.Document(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v.set, err = keys.ParseSet(document.JSON); err != nil {
			t.Fatal(err)
		}
		v.until = now.Add(document.MaxAge)
	}
	_, err := v.set.Verify(token, accesstoken.Types()...)
	return err
}

// threeNodes returns them and seven verifiers, who read the keys of one each.
func (s *server) threeNodes() ([]*provider.Provider, []*verifier) {
	s.t.Helper()
	nodes := []*provider.Provider{s.Provider, s.node(), s.node()}
	verifiers := make([]*verifier, 7)
	for i := range verifiers {
		verifiers[i] = &verifier{node: nodes[i%3], clock: s.clock}
	}
	return nodes, verifiers
}

// Fifty rotations under verifiers that honour the cache headers, over three nodes:
// every token is verified by every one of them for as long as it lives.
func TestFiftyRotationsBreakNoCachingVerifier(t *testing.T) {
	t.Parallel()
	const ttl, step = 2 * time.Minute, 47 * time.Second
	s := newServer(t, func(c *provider.Config) { c.AccessTokenTTL = ttl })
	nodes, verifiers := s.threeNodes()
	type issued struct {
		token string
		at    time.Time
	}
	var living []issued
	var verified int
	for rotation := range 50 {
		next, err := s.keys.Rotate(t.Context(), keys.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			publishes(t, n, next.ID)
		}
		for passed := time.Duration(0); passed < keys.Lead+ttl+2*keys.Skew; passed += step {
			node := nodes[(rotation+int(passed/step))%3]
			token, err := node.Token(t.Context(), request(t, values("grant_type", "client_credentials"), "api", s.secret))
			if err != nil {
				t.Fatal(err)
			}
			living = append(living, issued{token.AccessToken, s.clock.Now()})
			for len(living) > 0 && s.clock.Now().Sub(living[0].at) >= ttl {
				living = living[1:]
			}
			for i, v := range verifiers {
				for _, l := range living {
					if err := v.verify(t, l.token); err != nil {
						t.Fatalf("rotation %d: verifier %d refuses a living token: %v (unknown key: %v)", rotation, i, err, errors.Is(err, keys.ErrUnknownKey))
					}
					verified++
				}
			}
			s.clock.Advance(step)
		}
	}
	t.Logf("%d verifications over 50 rotations, none failed", verified)
}

// publishes waits until a node's key set has the key: at once on an embedded
// database, within a second on a server.
func publishes(t *testing.T, node *provider.Provider, kid string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		document, err := node.Document(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(document.JSON), kid) {
			return
		}
	}
	t.Fatalf("a node does not publish the key %s", kid)
}
