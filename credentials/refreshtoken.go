package credentials

import "strings"

// RefreshTokenPrefix begins every refresh token (RFC 6749, section 1.5), so that logs
// and repositories can be searched for it.
const RefreshTokenPrefix = "urt_"

// LooksLikeRefreshToken tells refresh tokens from access tokens: it reports whether a
// text begins as they do.
func LooksLikeRefreshToken(text string) bool { return strings.HasPrefix(text, RefreshTokenPrefix) }
