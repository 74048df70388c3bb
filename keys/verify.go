package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

var (
	// ErrInvalid is wrapped by every error of a verification: the token is not
	// one that a key of the set signed.
	ErrInvalid = errors.New("invalid token")
	// ErrUnknownKey says that no key has the id. In a verification it comes
	// together with ErrInvalid, for a token that is well-formed up to its
	// signature: a newer key set may know the key.
	ErrUnknownKey = errors.New("unknown key")
)

// maxToken is the longest token that is looked at, in bytes. Ours have some
// 600, or 900 with RS256; HTTP servers commonly end a header line at 8 to 16 KiB.
const maxToken = 16 << 10

// publicKey is a verification key bound to its one algorithm.
type publicKey struct {
	alg Algorithm
	key crypto.PublicKey
}

// Verify checks that token is a compact JWS (RFC 7515, section 3.1) signed by a
// key of the set, with one of the given types in its header, and returns its
// payload.
// It says nothing about the claims. Every error wraps ErrInvalid; one about a
// key that the set lacks wraps ErrUnknownKey too.
//
// What it costs to refuse a token does not grow with the token past 16 KiB, and
// nothing is decoded before the whole is known to be three parts in the right
// alphabet.
//
// A token that was found good is remembered, so that it costs a hash the next time.
func (s *Set) Verify(token string, types ...string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, invalid("it is too long")
	}
	hash := sha256.Sum256([]byte(token))
	if known, ok := s.verified.Get(hash); ok && slices.ContainsFunc(types, header{typ: known.typ}.isTyped) {
		return slices.Clone(known.payload), nil
	}
	p, err := split(token)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(p.header)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(types, h.isTyped) {
		return nil, invalid("its type is another")
	}
	key, ok := s.keys[h.kid]
	if !ok {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, ErrUnknownKey)
	}
	if h.alg != string(key.alg) {
		return nil, invalid("its algorithm is not that of its key")
	}
	var buf [maxSignature]byte
	signature, err := encoding.AppendDecode(buf[:0], p.signature)
	if err != nil {
		return nil, invalid("its signature is not base64url")
	}
	if !key.verifies(p.signed, signature) {
		return nil, invalid("its signature is wrong")
	}
	payload, err := encoding.AppendDecode(nil, p.payload)
	if err != nil {
		return nil, invalid("its payload is not base64url")
	}
	s.verified.Put(hash, verifiedToken{h.typ, slices.Clone(payload)})
	return payload, nil
}

// parts are the three parts of a compact JWS, still encoded, and what the
// signature covers.
type parts struct {
	header, payload, signature []byte
	signed                     []byte // header "." payload
}

// split finds the parts of a token. Every byte is checked against the alphabet
// here, because the decoder passes over line breaks.
func split(token string) (parts, error) {
	if len(token) > maxToken {
		return parts{}, invalid("it is too long")
	}
	var dots [2]int
	n := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.':
			if n == len(dots) {
				return parts{}, invalid("it has more than three parts")
			}
			dots[n] = i
			n++
		case !isBase64URL(c):
			return parts{}, invalid("it has a character that is not base64url")
		}
	}
	if n != len(dots) {
		return parts{}, invalid("it has fewer than three parts")
	}
	b := []byte(token)
	return parts{
		header:    b[:dots[0]],
		payload:   b[dots[0]+1 : dots[1]],
		signature: b[dots[1]+1:],
		signed:    b[:dots[1]],
	}, nil
}

func isBase64URL(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// verifies reports whether signature is this key's for the signed bytes, in the
// one form that sign writes.
func (p publicKey) verifies(signed, signature []byte) bool {
	switch key := p.key.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != es256Size {
			return false
		}
		r, s := signature[:es256Size/2], signature[es256Size/2:]
		if isHigh(s) {
			return false // the twin of a signature of ours: see encodeES256
		}
		digest := sha256.Sum256(signed)
		return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(r), new(big.Int).SetBytes(s))
	case *rsa.PublicKey:
		digest := sha256.Sum256(signed)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, signature)
	}
	return false
}

// isHigh reports whether s, 32 bytes big-endian, is above half the group order.
func isHigh(s []byte) bool {
	return bytes.Compare(s, p256HalfOrder) > 0
}

// invalid returns an ErrInvalid with a reason. Reasons are fixed texts: nothing
// of a hostile token gets into a log by way of its error.
func invalid(reason string) error {
	return fmt.Errorf("%w: %s", ErrInvalid, reason)
}
