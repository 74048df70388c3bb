package credentials

import "regexp"

// clientID uses only characters that survive every encoding a client library
// may or may not apply to Basic credentials (RFC 6749 §2.3.1).
var clientID = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// ClientID tells whether s may name a client: 1 to 64 characters out of
// letters, digits and . _ ~ - (RFC 3986 §2.3). The error wraps [ErrClientID].
func ClientID(s string) error {
	if !clientID.MatchString(s) {
		return refuse(ErrClientID, "client id %q: use 1 to 64 letters, digits and . _ ~ -", s)
	}
	return nil
}
