package accesstoken

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// ID is what a token's jti says: that the token exists because of these, and
// ends with any of them. So one claim is enough to tell whether a revocation of
// a grant, a user or a client covers a token.
//
// An epoch is a random name that its user or client has until something ends
// all its tokens. It is compared for equality, so no clock decides what was
// issued before the end.
type ID struct {
	Grant       string // the login; "" for client_credentials
	UserEpoch   string // "" for client_credentials
	ClientEpoch string
}

// idRandom makes two ids of one grant differ: 12 bytes, 16 characters.
const idRandom = 12

// maxID bounds what is read as an id, in bytes.
const maxID = 256

// NewID returns a fresh jti: grant, user epoch, client epoch and a random part,
// with dots between. For client_credentials it begins with two dots. The parts
// of id must be base64url text.
func NewID(id ID) string {
	random := make([]byte, idRandom)
	rand.Read(random)
	return strings.Join([]string{id.Grant, id.UserEpoch, id.ClientEpoch, base64.RawURLEncoding.EncodeToString(random)}, ".")
}

// ParseID reads a jti that NewID wrote. It is not ok for any other text.
func ParseID(jti string) (id ID, ok bool) {
	if len(jti) > maxID {
		return ID{}, false
	}
	parts := strings.Split(jti, ".")
	if len(parts) != 4 {
		return ID{}, false
	}
	for _, part := range parts {
		if !isBase64URL(part) {
			return ID{}, false
		}
	}
	id = ID{Grant: parts[0], UserEpoch: parts[1], ClientEpoch: parts[2]}
	// A login has both a grant and a user; half of it would escape a revocation.
	if id.ClientEpoch == "" || parts[3] == "" || (id.Grant == "") != (id.UserEpoch == "") {
		return ID{}, false
	}
	return id, true
}

func isBase64URL(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
