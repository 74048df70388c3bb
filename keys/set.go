package keys

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Set is a set of public keys by key id, as read from a key set document. It
// does not change and is safe for concurrent use.
type Set struct {
	keys     map[string]publicKey
	verified verified
}

// ParseSet reads a JWK Set (RFC 7517, section 5). Keys that can't verify a
// token of ours are passed over, as the RFC asks: other types and algorithms,
// another use than "sig", no kid or no alg, RSA below 2048 bits, and any with
// private members, which are no secret any more. Two usable keys with one kid
// are an error, for then the kid names neither.
func ParseSet(jwks []byte) (*Set, error) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &document); err != nil {
		return nil, fmt.Errorf("parsing key set: %w", err)
	}
	if document.Keys == nil {
		return nil, errors.New(`parsing key set: no member "keys"`)
	}
	set := &Set{keys: make(map[string]publicKey, len(*document.Keys))}
	for _, entry := range *document.Keys {
		id, key, ok := parseEntry(entry)
		if !ok {
			continue
		}
		if set.Has(id) {
			return nil, fmt.Errorf("parsing key set: two keys have the id %q", id)
		}
		set.keys[id] = key
	}
	return set, nil
}

// parseEntry reads one JWK; it is not ok if the key is of no use to us.
func parseEntry(entry []byte) (id string, key publicKey, ok bool) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(entry); err != nil {
		return "", publicKey{}, false
	}
	if jwk.KeyID == "" || !isPlain(jwk.KeyID) || jwk.Use != "sig" && jwk.Use != "" {
		return "", publicKey{}, false
	}
	alg, err := ParseAlgorithm(jwk.Algorithm)
	if err != nil {
		return "", publicKey{}, false
	}
	if err := alg.fits(jwk.Key); err != nil {
		return "", publicKey{}, false
	}
	return jwk.KeyID, publicKey{alg, jwk.Key}, true
}

// Has reports whether the set has a key of that id.
func (s *Set) Has(kid string) bool {
	_, ok := s.keys[kid]
	return ok
}
