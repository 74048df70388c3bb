package provider

import (
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
)

// RefreshToken is what a refresh token shows of itself.
type RefreshToken struct {
	Grant string // id of the login it belongs to
	Hash  []byte // what the database knows the live token of a grant by

	// Genuine says that a server with this master key made the token, which still
	// tells nothing of whether it is live.
	Genuine bool
}

// ReadRefreshToken reads a refresh token. It is not ok for what does not have the
// form of one. A nil master makes none genuine.
func ReadRefreshToken(master *keys.Master, token string) (t RefreshToken, ok bool) {
	if !credentials.LooksLikeRefreshToken(token) || len(token) != refreshLen {
		return RefreshToken{}, false
	}
	t = RefreshToken{Grant: token[len(refreshPrefix):][:grantIDLen], Hash: hashToken(token)}
	if master != nil {
		_, t.Genuine = newRefreshTokens(master).grant(token)
	}
	return t, true
}
