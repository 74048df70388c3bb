package keys_test

import (
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/keys"
)

// epoch is when the tests take place.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const typ = "at+jwt"

var algorithms = []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA}

// spare are keys that tests may share: making RSA keys is slow.
var spare = map[keys.Algorithm]func() (keys.Key, error){
	keys.ES256: sync.OnceValues(func() (keys.Key, error) { return keys.Generate(keys.ES256) }),
	keys.RS256: sync.OnceValues(func() (keys.Key, error) { return keys.Generate(keys.RS256) }),
	keys.EdDSA: sync.OnceValues(func() (keys.Key, error) { return keys.Generate(keys.EdDSA) }),
}

// key returns a key of the algorithm that signs from a time on, the same key
// every time.
func key(tb testing.TB, alg keys.Algorithm, from time.Time) keys.Key {
	tb.Helper()
	k, err := spare[alg]()
	if err != nil {
		tb.Fatal(err)
	}
	k.CreatedAt, k.SignsFrom = from, from
	return k
}

// newRing returns a ring of one key of each algorithm, of which the one of alg
// signs at epoch.
func newRing(tb testing.TB, alg keys.Algorithm) *keys.Ring {
	tb.Helper()
	var all []keys.Key
	for _, a := range algorithms {
		from := epoch.Add(-2 * time.Hour)
		if a == alg {
			from = epoch.Add(-time.Hour)
		}
		all = append(all, key(tb, a, from))
	}
	return keys.NewRing(all)
}

func sign(tb testing.TB, r *keys.Ring, now time.Time, claims string) string {
	tb.Helper()
	token, err := r.Sign(now, typ, []byte(claims))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func parseSet(tb testing.TB, jwks []byte) *keys.Set {
	tb.Helper()
	set, err := keys.ParseSet(jwks)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}
