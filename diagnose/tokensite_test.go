package diagnose_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/diagnose"
)

// explained is what an API of the site expects of a token.
func (s *site) explained(text string) diagnose.Token {
	return diagnose.Token{Text: text, Issuer: s.URL, Audience: s.URL, Scopes: []string{"profile"}, Store: s.store, Master: s.master, Transport: s.transport}
}

// claims are those of a token that the site would issue to ann.
func (s *site) claims() accesstoken.Claims {
	s.t.Helper()
	parts := strings.Split(s.login().AccessToken, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(s.t, err)
	c, err := accesstoken.Parse(payload)
	check(s.t, err)
	return c
}

// sign signs claims as the site does.
func (s *site) sign(typ string, claims any) string {
	s.t.Helper()
	ring, _, err := s.keys.Ring(s.t.Context())
	check(s.t, err)
	payload, err := json.Marshal(claims)
	check(s.t, err)
	token, err := ring.Sign(time.Now(), typ, payload)
	check(s.t, err)
	return token
}

// changed is an access token with other claims.
func changed(change func(*accesstoken.Claims)) func(*site) string {
	return func(s *site) string {
		c := s.claims()
		change(&c)
		return s.sign("at+jwt", c)
	}
}

// text is a token of the site, with something done to it.
func text(change func(token string) string) func(*site) string {
	return func(s *site) string { return change(s.login().AccessToken) }
}

// header is a token with another header, under the old signature.
func header(json string) func(*site) string {
	return text(func(token string) string {
		_, rest, _ := strings.Cut(token, ".")
		return base64.RawURLEncoding.EncodeToString([]byte(json)) + "." + rest
	})
}

func fixed(text string) func(*site) string { return func(*site) string { return text } }

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// alone expects nothing that an API would.
func alone(_ *site, t *diagnose.Token) { t.Audience, t.Scopes = "", nil }

// after is a token of before something happened.
func after(happens func(*site) error) func(*site) string {
	return func(s *site) string {
		token := s.login().AccessToken
		check(s.t, happens(s))
		return token
	}
}

func (s *site) revoke(token string) {
	s.t.Helper()
	if status, body := s.post("/revoke", url.Values{"client_id": {"web"}, "token": {token}}); status != http.StatusOK {
		s.t.Fatalf("POST /revoke: got %d %s", status, body)
	}
}

func (s *site) refresh(token string) string {
	s.t.Helper()
	return s.token(url.Values{"grant_type": {"refresh_token"}, "client_id": {"web"}, "refresh_token": {token}}).RefreshToken
}
