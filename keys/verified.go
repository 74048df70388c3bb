package keys

import (
	"crypto/sha256"

	"github.com/usher-oauth/usher/internal/recent"
)

// verified remembers tokens whose signature was found good, by their hash, for as
// long as the key set that verified them is the one of now: it belongs to a set.
// A check by ECDSA costs a hundred times as much as a look here. Nothing else of a
// token is remembered here: its claims are checked, and its revocation asked, each
// time. Bad tokens are not kept, so nobody can push out good ones but by having good
// ones.
type verified = recent.Map[[sha256.Size]byte, verifiedToken]

type verifiedToken struct {
	typ     string
	payload []byte // not to be changed
}
