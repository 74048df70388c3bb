package diagnose

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Token is a text that should be a token, and what an API expects of one. Only Text
// is required.
type Token struct {
	Text string

	Issuer   string   // the API's setting; empty: the issuer that the token names is asked
	Audience string   // the API's name
	Type     string   // the typ that the API demands; empty: at+jwt (RFC 9068)
	Scopes   []string // what the API needs

	Store  *storage.Store // nil: what only the database knows is not looked at
	Master *keys.Master   // tells genuine refresh tokens from others; may be nil

	Transport *http.Transport  // nil: that of http.DefaultTransport
	Now       func() time.Time // nil: time.Now
}

// Kind is what a text turned out to be.
type Kind string

const (
	AccessToken  Kind = "access token"  // RFC 9068
	RefreshToken Kind = "refresh token" // one of usher's
	IDToken      Kind = "ID token"      // OpenID Connect
	OtherJWT     Kind = "JWT"           // signed, and none of these
	JWE          Kind = "JWE"           // encrypted (RFC 7516)
	Unknown      Kind = "no token"
)

// Explanation is what there is to say about a token.
type Explanation struct {
	Kind Kind `json:"kind"`
	// Accepted says that the token would be: an access token by an API, a refresh
	// token by the issuer. It needs every check that was wanted to be made, and ok.
	Accepted bool `json:"accepted"`
	// Verified says that a key of the issuer signed it. Otherwise header and claims
	// are only what a stranger wrote.
	Verified bool           `json:"verified"`
	Header   map[string]any `json:"header,omitempty"`
	Claims   map[string]any `json:"claims,omitempty"`
	Checks   []Finding      `json:"checks"`
}

// maxText is the longest text that is looked at, in bytes.
const maxText = 1 << 20

// Explain makes each check of a resource server in turn and says how it came out.
// It asks the issuer over HTTP: the one of t.Issuer, else the one that the token
// names, but that only for keys on the same host and not at link-local addresses.
func (t Token) Explain(ctx context.Context) Explanation {
	if t.Now == nil {
		t.Now = time.Now
	}
	if len(t.Text) > maxText {
		t.Text = t.Text[:maxText]
	}
	e := &explaining{Token: t}
	e.Kind = Unknown
	text := e.strip(t.Text)
	switch {
	case credentials.LooksLikeRefreshToken(text):
		e.Kind = RefreshToken
		e.explainRefresh(ctx, text)
	case e.split(text):
		e.explainJWT(ctx)
	}
	e.Checks = e.findings
	e.Accepted = (e.Kind == AccessToken && e.Verified || e.live) && !e.failed()
	e.censor(text)
	return e.Explanation
}

// explaining is one run over a token.
type explaining struct {
	Token
	Explanation
	report
	jws

	live bool // it is a refresh token, and would work
}

// censor puts dots in the place of whatever could be used: a token can repeat its
// own signature, or hold another token, in a claim.
func (e *explaining) censor(text string) {
	secrets := []string{text, e.signature}
	hide := func(s string) string {
		for _, secret := range secrets {
			if len(secret) >= leastSecret {
				s = strings.ReplaceAll(s, secret, "…")
			}
		}
		return hideTokens(s)
	}
	for i := range e.Checks {
		e.Checks[i].Found, e.Checks[i].Fix = hide(e.Checks[i].Found), hide(e.Checks[i].Fix)
	}
	e.Header, _ = hideIn(e.Header, hide).(map[string]any)
	e.Claims, _ = hideIn(e.Claims, hide).(map[string]any)
}
