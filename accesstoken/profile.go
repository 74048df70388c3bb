package accesstoken

import (
	"encoding/json"
	"slices"
	"strings"
)

// TypeJWT is the typ of access tokens for verifiers that refuse [Type]. Whoever
// accepts it must be sure that the issuer signs nothing else under that name: usher
// gives every other kind of token a typ of its own (RFC 8725, sections 3.11, 3.12).
const TypeJWT = "JWT"

// Types returns every typ that an access token may have, the usual one first.
func Types() []string { return []string{Type, TypeJWT} }

// The claims that a token has only where its audience asks for them.
const (
	ClaimAuthorizedParty = "azp"
	ClaimScopeList       = "scp"
	ClaimRole            = "role"
	ClaimUsername        = "username"
)

// ExtraClaims returns the names of these claims.
func ExtraClaims() []string {
	return []string{ClaimAuthorizedParty, ClaimScopeList, ClaimRole, ClaimUsername}
}

// Extra are claims beside those of RFC 9068, for verifiers that look elsewhere for
// what the token says. What is empty is left out.
type Extra struct {
	AuthorizedParty string   `json:"azp,omitempty"`      // the client's id again
	ScopeList       []string `json:"scp,omitempty"`      // the scopes again
	Role            string   `json:"role,omitempty"`     // see RoleOf
	Username        string   `json:"username,omitempty"` // of the user, as it is now
}

func (e Extra) isZero() bool {
	return e.AuthorizedParty == "" && e.ScopeList == nil && e.Role == "" && e.Username == ""
}

// payload writes the claims of a token. Without extra ones it is that of the claims
// alone.
func payload(c Claims, e Extra) ([]byte, error) {
	if e.isZero() {
		return json.Marshal(c)
	}
	return json.Marshal(struct {
		Claims
		Extra
	}{c, e})
}

// rolePrefix begins a scope that names a role.
const rolePrefix = "role:"

// RoleOf returns the role that a scope of the form role:NAME names, empty where none
// does. It is not ok where several name one: a token has one role, and which is
// nothing to guess.
func RoleOf(scopes []string) (role string, ok bool) {
	var roles []string
	for _, s := range scopes {
		if name, found := strings.CutPrefix(s, rolePrefix); found && name != "" && !slices.Contains(roles, name) {
			roles = append(roles, name)
		}
	}
	switch len(roles) {
	case 0:
		return "", true
	case 1:
		return roles[0], true
	}
	return "", false
}
