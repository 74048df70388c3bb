package keys

import (
	"crypto/sha256"
	"sync"
)

// verifiedTokens is how many tokens each half of a verified holds.
const verifiedTokens = 4096

// verified remembers tokens whose signature was found good, by their hash, for as
// long as the key set that verified them is the one of now: it belongs to a set.
// A check by ECDSA costs a hundred times as much as a look here. Nothing else of a
// token is remembered: its claims are checked, and its revocation asked, each time.
//
// It holds the newest ones. Bad tokens are not kept, so nobody can push out good ones
// but by having good ones.
type verified struct {
	mu           sync.RWMutex
	newer, older map[[sha256.Size]byte]verifiedToken
}

type verifiedToken struct {
	typ     string
	payload []byte // not to be changed
}

func (v *verified) find(hash [sha256.Size]byte) (verifiedToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, ok := v.newer[hash]
	if !ok {
		t, ok = v.older[hash]
	}
	return t, ok
}

func (v *verified) keep(hash [sha256.Size]byte, t verifiedToken) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.newer == nil || len(v.newer) >= verifiedTokens {
		v.newer, v.older = make(map[[sha256.Size]byte]verifiedToken), v.newer
	}
	v.newer[hash] = t
}
