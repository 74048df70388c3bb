package diagnose_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage/storagetest"
)

var faults = []struct {
	name       string
	token      func(*site) string
	expect     func(*site, *diagnose.Token)
	kind       diagnose.Kind
	check      string
	found, fix string
}{
	{"nothing", fixed(" \n"), nil, diagnose.Unknown, "form", "there is nothing", "argument"},
	{"a password", fixed("hunter2 and more"), nil, diagnose.Unknown, "form", "a password or a secret perhaps", "access_token"},
	{"a client secret", fixed("dGhpcyBpcyBhIGNsaWVudCBzZWNyZXQgb2YgMjU2IGI"), nil, diagnose.Unknown, "form", "client secret", "access_token"},
	{"an opaque token", fixed("gho_16C7e42F292c6912E7710c838347Ae178B4a"), nil, diagnose.Unknown, "form", "opaque text of 40 characters", "access_token"},
	{"a password hash", fixed("$2b$12$abcdefghijklmnopqrstuuN3lxyyNqXxGyJmRHJmTFC0xL2lRa6Yi"), nil, diagnose.Unknown, "form", "password hash", "database"},
	{"a master key", fixed(keys.NewMasterLine()), nil, diagnose.Unknown, "form", "IT IS A MASTER KEY", "replace it"},
	{"a PEM file", fixed("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"), nil, diagnose.Unknown, "form", "PEM", "access_token"},
	{"an empty variable", fixed("${TOKEN}"), nil, diagnose.Unknown, "form", "variable", "access_token"},
	{"an error of the token endpoint", fixed(`{"error":"invalid_grant"}`), nil, diagnose.Unknown, "form", "JSON without an access_token", "access_token"},
	{"a token out of the documents", text(func(token string) string { return token[:20] + "…" }), nil, diagnose.Unknown, "form", "dots where a part was left out", "access_token"},
	{"half a header", text(func(token string) string { return token[:40] }), nil, diagnose.Unknown, "form", "1 part instead of 3", "access_token"},
	{"a token without signature", text(func(token string) string { return token[:strings.LastIndex(token, ".")] }), nil, diagnose.Unknown, "form", "2 parts instead of 3", "access_token"},
	{"an encrypted token", fixed(encoded(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a2V5.aXY.dGV4dA.dGFn"), nil, diagnose.JWE, "form", "encrypted (JWE", "signed"},

	{"quotation marks", text(func(token string) string { return `"` + token + `"` }), nil, diagnose.AccessToken, "form", "quotation marks", "alone"},
	{"a line break within", text(func(token string) string { return token[:100] + "\r\n" + token[100:] }), nil, diagnose.AccessToken, "form", "line breaks", "alone"},
	{"a character that nobody sees", text(func(token string) string { return token[:100] + "\u200b" + token[100:] }), nil, diagnose.AccessToken, "form", "line breaks or blanks", "alone"},
	{"padding", text(func(token string) string { return token + "==" }), nil, diagnose.AccessToken, "form", "padding", "base64url"},
	{"percent-encoding", text(func(token string) string { return strings.ReplaceAll(token, ".", "%2E") }), nil, diagnose.AccessToken, "form", "percent-encoded", "alone"},
	{"the whole answer", text(func(token string) string { return `{"access_token":"` + token + `","token_type":"Bearer"}` }), nil, diagnose.AccessToken, "form", "whole answer of the token endpoint", "alone"},
	{"quotes and the scheme", text(func(token string) string { return `Bearer "` + token + `"` }), nil, diagnose.AccessToken, "form", "quotation marks", "alone"},

	{"an ID token", func(s *site) string {
		return s.sign("JWT", map[string]any{"iss": s.URL, "sub": "u", "aud": s.URL, "exp": time.Now().Unix() + 60, "iat": time.Now().Unix(), "jti": s.claims().ID, "client_id": "web", "nonce": "n"})
	}, func(_ *site, t *diagnose.Token) { t.Store, t.Scopes = nil, nil }, diagnose.IDToken, "typ", "it is an ID token", "access_token instead of the id_token"},
	{"a token that is not marked", func(s *site) string { return s.sign("JWT", s.claims()) }, nil, diagnose.OtherJWT, "typ", `typ is "JWT"`, "--typ JWT"},
	{"a token of RFC 9068 where the API demands another type", nil, func(_ *site, t *diagnose.Token) { t.Type = "JWT" }, diagnose.AccessToken, "typ", `the API demands "JWT"`, "audience add"},

	{"another issuer", changed(func(c *accesstoken.Claims) { c.Issuer = "https://other.example.com" }), nil, diagnose.AccessToken, "iss", "has the host other.example.com", "to the letter"},
	{"a slash at the end of the issuer", changed(func(c *accesstoken.Claims) { c.Issuer += "/" }), nil, diagnose.AccessToken, "iss", "has a slash at the end", "to the letter"},
	{"an issuer of https", changed(func(c *accesstoken.Claims) { c.Issuer = strings.Replace(c.Issuer, "http:", "https:", 1) }), nil, diagnose.AccessToken, "iss", "has the scheme https", "to the letter"},
	{"another audience", changed(func(c *accesstoken.Claims) { c.Audience = []string{"https://api.example.com"} }), nil, diagnose.AccessToken, "aud", "has the host api.example.com", "resource=http://127.0.0.1"},
	{"two other audiences", changed(func(c *accesstoken.Claims) { c.Audience = []string{"a", "b"} }), nil, diagnose.AccessToken, "aud", `it is for "a", "b"`, "resource="},
	{"a slash at the end of the audience", nil, func(s *site, t *diagnose.Token) { t.Audience += "/" }, diagnose.AccessToken, "aud", "has no slash at the end", "audience"},
	{"expired", changed(func(c *accesstoken.Claims) {
		c.IssuedAt, c.Expiry = time.Now().Add(-42*time.Minute).Unix(), time.Now().Add(-12*time.Minute-time.Second).Unix()
	}), nil, diagnose.AccessToken, "exp", "it expired 12 minutes ago", "refresh token"},
	{"issued in the future", changed(func(c *accesstoken.Claims) { c.IssuedAt = time.Now().Add(5*time.Minute + 2*time.Second).Unix() }), nil, diagnose.AccessToken, "iat", "in the future, 5 minutes ahead", "NTP"},
	{"without a scope", nil, func(_ *site, t *diagnose.Token) { t.Scopes = []string{"profile", "orders:read"} }, diagnose.AccessToken, "scope", `it lacks "orders:read"; it has "profile"`, "usher user show"},
	{"without a client", changed(func(c *accesstoken.Claims) { c.ClientID = "" }), nil, diagnose.AccessToken, "claims", "client_id", "RFC 9068"},
	{"of another server's make", changed(func(c *accesstoken.Claims) { c.ID = "3f0c" }), nil, diagnose.AccessToken, "jti", "does not name a login", "another server"},

	{"a signature cut off", text(func(token string) string { return token[:len(token)-6] }), nil, diagnose.AccessToken, "form", "80 of 86 characters", "whole token"},
	{"a signature too long", text(func(token string) string { return token + "abc" }), nil, diagnose.AccessToken, "form", "3 too many", "alone"},
	{"claims that were changed", func(s *site) string {
		parts := strings.Split(s.login().AccessToken, ".")
		c := s.claims()
		c.Scope = "profile admin"
		b, err := json.Marshal(c)
		check(s.t, err)
		return parts[0] + "." + encoded(string(b)) + "." + parts[2]
	}, nil, diagnose.AccessToken, "signature", "changed after it was signed", "copy the whole token"},
	{"a key of another server", func(s *site) string {
		c := s.claims()
		other := newSite(s.t)
		return other.sign("at+jwt", c)
	}, nil, diagnose.AccessToken, "kid", "no key there has the id", "rotate --now"},
	{"no key named", header(`{"alg":"ES256","typ":"at+jwt"}`), nil, diagnose.AccessToken, "kid", "names no key", "--issuer"},
	{"a key that was rotated away", func(s *site) string {
		token := s.login().AccessToken
		_, err := s.keys.RotateNow(s.t.Context(), "")
		check(s.t, err)
		return token
	}, nil, diagnose.AccessToken, "kid", "no key there has the id", "get a new token"},

	{"an issuer that is down", nil, func(_ *site, t *diagnose.Token) {
		t.Transport = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:1")
		}}
	}, diagnose.AccessToken, "key set", "nothing listens", "start the server"},
	{"a revoked token", func(s *site) string {
		token := s.login().AccessToken
		s.revoke(token)
		return token
	}, nil, diagnose.AccessToken, "ended", "this token was revoked", "log in again"},
	{"a login that was ended", func(s *site) string {
		login := s.login()
		s.revoke(login.RefreshToken)
		return login.AccessToken
	}, nil, diagnose.AccessToken, "ended", "its login was ended", "log in again"},
	{"a disabled user", after(func(s *site) error { return s.store.ChangeUser(s.t.Context(), "ann", storagetest.DisableUser) }), nil, diagnose.AccessToken, "user", "user ann is disabled", "usher user enable"},
	{"a user disabled for a time", after(func(s *site) error {
		check(s.t, s.store.ChangeUser(s.t.Context(), "ann", storagetest.DisableUser))
		return s.store.ChangeUser(s.t.Context(), "ann", storagetest.EnableUser)
	}), nil, diagnose.AccessToken, "user", "every session of user ann was ended", "log in again"},
	{"a changed password", after(func(s *site) error { return s.users.SetPassword(s.t.Context(), "ann", "another password") }), nil, diagnose.AccessToken, "user", "new password", "log in again"},
	{"a removed user", after(func(s *site) error { return s.users.Remove(s.t.Context(), "ann") }), nil, diagnose.AccessToken, "user", "there is no user with the id", "removed"},
	{"a disabled client", after(func(s *site) error { return s.store.ChangeClient(s.t.Context(), "web", storagetest.DisableClient) }), nil, diagnose.AccessToken, "client", "client web is disabled", "usher client enable"},
	{"a client whose sessions ended", after(func(s *site) error { return s.store.EndClientSessions(s.t.Context(), "web") }), nil, diagnose.AccessToken, "client", "every token of client web was ended", "get a new token"},
	{"a removed client", after(func(s *site) error { return s.clients.Remove(s.t.Context(), "web") }), nil, diagnose.AccessToken, "client", `there is no client "web"`, "removed"},

	{"a refresh token at an API", func(s *site) string { return s.login().RefreshToken }, nil, diagnose.RefreshToken, "kind", "no API takes a refresh token", "access_token"},
	{"a refresh token cut off", func(s *site) string { return s.login().RefreshToken[:50] }, alone, diagnose.RefreshToken, "form", "50 characters", "copy the whole token"},
	{"a refresh token of another server", func(s *site) string { return newSite(s.t).login().RefreshToken }, alone, diagnose.RefreshToken, "genuine", "no server with this master key", "another installation"},
	{"a used refresh token", func(s *site) string { token := s.login().RefreshToken; s.refresh(token); return token }, alone, diagnose.RefreshToken, "live", "another has taken its place", "--refresh-grace"},
	{"a refresh token of long ago", func(s *site) string {
		token := s.login().RefreshToken
		s.refresh(s.refresh(token))
		return token
	}, alone, diagnose.RefreshToken, "live", "not the live one", "ends the whole login"},
	{"a refresh token of a login that was ended", func(s *site) string { token := s.login().RefreshToken; s.revoke(token); return token }, alone, diagnose.RefreshToken, "live", "not in the database", "log in again"},
	{"a refresh token of a disabled user", func(s *site) string {
		token := s.login().RefreshToken
		check(s.t, s.store.ChangeUser(s.t.Context(), "ann", storagetest.DisableUser))
		return token
	}, alone, diagnose.RefreshToken, "user", "user ann is disabled", "usher user enable"},
	{"a refresh token of before a new password", func(s *site) string {
		token := s.login().RefreshToken
		check(s.t, s.users.SetPassword(s.t.Context(), "ann", "another password"))
		return token
	}, alone, diagnose.RefreshToken, "user", "every session of user ann was ended", "log in again"},
	{"a refresh token of a disabled client", func(s *site) string {
		token := s.login().RefreshToken
		check(s.t, s.store.ChangeClient(s.t.Context(), "web", storagetest.DisableClient))
		return token
	}, alone, diagnose.RefreshToken, "client", "client web is disabled", "usher client enable"},
}
