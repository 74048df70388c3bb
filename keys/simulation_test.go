package keys_test

import (
	"testing"
	"time"

	"github.com/usher-oauth/usher/keys"
)

// simulation is a world in which signing nodes, serving nodes, verifiers and the
// operator have clocks up to Skew off, verifiers fetch the key set in every phase
// of its life and keep it for all of MaxAge, and every token is shown until the
// slowest verifier takes it for expired.
type simulation struct {
	t         *testing.T
	ids       func(keys.Document) map[string]bool
	verifiers []*cachingVerifier
	expiry    map[string]time.Time // of the last token each key signed
	signers   map[string]bool      // every key that ever signed
}

type cachingVerifier struct {
	skew    time.Duration // of the node it fetches from
	fetched time.Time
	known   map[string]bool
}

const simulatedStep = 10 * time.Second

var skews = []time.Duration{-keys.Skew, 0, keys.Skew}

// newSimulation returns the world at epoch.
func newSimulation(t *testing.T, ring *keys.Ring) *simulation {
	s := &simulation{t: t, ids: kidReader(t), expiry: make(map[string]time.Time), signers: make(map[string]bool)}
	for phase := time.Duration(0); phase < keys.MaxAge; phase += simulatedStep {
		for _, skew := range skews {
			s.verifiers = append(s.verifiers, &cachingVerifier{skew: skew, fetched: epoch.Add(phase - keys.MaxAge), known: s.ids(ring.Document(epoch))})
		}
	}
	return s
}

// fetch lets verifiers whose time is over fetch the key set. In the worst order it is
// called just before the ring changes.
func (s *simulation) fetch(now time.Time, ring *keys.Ring) {
	for _, v := range s.verifiers {
		if now.Sub(v.fetched) >= keys.MaxAge {
			v.fetched, v.known = now, s.ids(ring.Document(now.Add(v.skew)))
		}
	}
}

// sign makes a token on every node for audiences that ask for alg.
func (s *simulation) sign(now time.Time, ring *keys.Ring, alg keys.Algorithm) {
	s.t.Helper()
	for _, skew := range skews {
		k, err := ring.SigningKeyFor(now.Add(skew), alg)
		if err != nil {
			s.t.Fatalf("after %s: signing for %q: %v", now.Sub(epoch), alg, err)
		}
		if exp := now.Add(skew + tokenLife); exp.After(s.expiry[k.ID]) {
			s.expiry[k.ID] = exp
		}
		s.signers[k.ID] = true
	}
}

// verify shows every living token to every verifier.
func (s *simulation) verify(now time.Time) {
	s.t.Helper()
	for kid, exp := range s.expiry {
		if !now.Add(-keys.Skew).Before(exp) { // by the slowest clock
			delete(s.expiry, kid)
			continue
		}
		for _, v := range s.verifiers {
			if !v.known[kid] {
				s.t.Fatalf("after %s: unknown key %s, in a key set of %s ago from a clock off by %s", now.Sub(epoch), kid, now.Sub(v.fetched), v.skew)
			}
		}
	}
}
