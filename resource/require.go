package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/usher-oauth/usher/accesstoken"
)

type contextKey struct{}

// FromContext returns the claims of the token that Require let pass.
func FromContext(ctx context.Context) (Claims, bool) {
	claims, ok := ctx.Value(contextKey{}).(Claims)
	return claims, ok
}

// Require returns a handler that calls next for requests with a valid access
// token that has all the scopes, and answers the others itself: 401 without a
// token or with a bad one, 403 where a scope is missing (RFC 6750, section 3),
// 503 where the token can't be checked. The token is read from the
// Authorization header alone, never from the query or the body. next finds the
// claims with FromContext.
func (r *Resource) Require(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		claims, refused := r.admit(req, scopes)
		if refused != nil {
			r.refuse(w, req, refused)
			return
		}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), contextKey{}, claims)))
	})
}

// RefuseToken answers as Require does where a token is not valid, for a handler that
// finds so later: the account behind it is gone, say.
func (r *Resource) RefuseToken(w http.ResponseWriter, req *http.Request) {
	r.refuse(w, req, &invalidHere)
}

func (r *Resource) refuse(w http.ResponseWriter, req *http.Request, f *refusal) {
	r.refused(req, f.name())
	f.write(w, r.challenge)
}

func (r *Resource) admit(req *http.Request, scopes []string) (Claims, *refusal) {
	token, refused := bearer(req.Header)
	if refused != nil {
		return Claims{}, refused
	}
	claims, err := r.Verify(req.Context(), token)
	switch {
	case errors.Is(err, accesstoken.ErrExpired):
		return Claims{}, &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "The access token has expired"}
	case errors.Is(err, ErrInvalid):
		return Claims{}, &invalidHere
	case err != nil:
		return Claims{}, &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "The access token can't be checked right now"}
	}
	for _, s := range scopes {
		if !claims.HasScope(s) {
			return Claims{}, &refusal{
				status: http.StatusForbidden, code: "insufficient_scope", scope: strings.Join(scopes, " "),
				description: "The access token lacks a scope",
			}
		}
	}
	return claims, nil
}

// bearer returns the token of the Authorization header (RFC 6750, section 2.1).
// Two of them are refused, for another reader might take the other.
func bearer(h http.Header) (string, *refusal) {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return "", &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "There is more than one Authorization header"}
	}
	var scheme, token string
	if len(values) == 1 {
		scheme, token, _ = strings.Cut(values[0], " ")
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", &refusal{status: http.StatusUnauthorized, description: "An access token is needed, as Bearer in the Authorization header"}
	}
	token = strings.TrimLeft(token, " ")
	if token == "" {
		return "", &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "The access token is empty"}
	}
	return token, nil
}

// refusal is an answer of RFC 6750, section 3.1.
type refusal struct {
	status      int
	code        string // "" where no token was sent: the challenge then has no error
	description string
	scope       string // what would be needed
}

var invalidHere = refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "The access token is not valid here"}

// retryAfter is the Retry-After of a 503, in seconds.
const retryAfter = "1"

// name is the code, or one for people where RFC 6750 has none.
func (f *refusal) name() string {
	if f.code == "" {
		return "missing_token"
	}
	return f.code
}

func (f *refusal) write(w http.ResponseWriter, c challenge) {
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{f.name(), f.description})
	if err != nil {
		panic(err) // two strings
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	} else {
		h.Set("WWW-Authenticate", c.text(f))
	}
	w.WriteHeader(f.status)
	fmt.Fprintf(w, "%s\n", body)
}

// challenge is a WWW-Authenticate header, but for what was wrong (RFC 6750,
// section 3).
type challenge struct{ before, after string }

func newChallenge(realm, metadataURL string) challenge {
	c := challenge{before: "Bearer realm=" + quote(realm)}
	if metadataURL != "" {
		c.after = ", resource_metadata=" + quote(metadataURL)
	}
	return c
}

func (c challenge) text(f *refusal) string {
	var b strings.Builder
	b.WriteString(c.before)
	if f.code != "" {
		b.WriteString(", error=" + quote(f.code) + ", error_description=" + quote(f.description))
	}
	if f.scope != "" {
		b.WriteString(", scope=" + quote(f.scope))
	}
	b.WriteString(c.after)
	return b.String()
}

// quote writes a quoted-string (RFC 9110, section 5.6.4), without the
// characters that can't be in one.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case ' ' <= c && c <= '~':
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
