package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// These tests use libraries as their users do, with nothing but an address.

func TestXOAuth2LogsInAndRefreshes(t *testing.T) {
	t.Parallel()
	// The library takes a token for expired ten seconds early: with these
	// lifetimes each call of Token is a refresh.
	s := newServer(t, "--access-token-ttl", "5s", "--refresh-grace", "1s")
	for name, clientID := range map[string]string{"named client": "web", "no client": ""} {
		t.Run(name, func(t *testing.T) {
			config := oauth2.Config{ClientID: clientID, Endpoint: oauth2.Endpoint{TokenURL: s.URL + "/token"}, Scopes: []string{"profile"}}
			token, err := config.PasswordCredentialsToken(t.Context(), "ann", annsPassword)
			if err != nil {
				t.Fatal(err)
			}
			source := config.TokenSource(t.Context(), token)
			seen := map[string]bool{token.AccessToken: true, token.RefreshToken: true}
			for i := range 3 {
				if token, err = source.Token(); err != nil {
					t.Fatalf("refresh %d: %v", i+1, err)
				}
				if seen[token.AccessToken] || seen[token.RefreshToken] {
					t.Errorf("refresh %d returned a token again", i+1)
				}
				seen[token.AccessToken], seen[token.RefreshToken] = true, true
				if token.TokenType != "Bearer" || token.Extra("scope") != "profile" {
					t.Errorf("refresh %d: got type %q and scope %v, want Bearer and profile", i+1, token.TokenType, token.Extra("scope"))
				}
			}
			client := config.Client(t.Context(), token)
			res, err := client.Get(s.URL + "/users/me")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var me struct{ Username string }
			if err := json.NewDecoder(res.Body).Decode(&me); err != nil || me.Username != "ann" {
				t.Errorf("/users/me says %q (%v), want ann", me.Username, err)
			}
		})
	}
}

func TestXOAuth2UnderstandsAWrongPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	config := oauth2.Config{ClientID: "web", Endpoint: oauth2.Endpoint{TokenURL: s.URL + "/token"}}
	_, err := config.PasswordCredentialsToken(t.Context(), "ann", "wrong password")
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a RetrieveError", err)
	}
	if refused.ErrorCode != "invalid_grant" || refused.ErrorDescription != "Incorrect username or password" {
		t.Errorf("got %q, %q", refused.ErrorCode, refused.ErrorDescription)
	}
}

func TestXOAuth2ClientCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const secret = "a brought s%cret: ünusual +"
	s.usherStdin(secret, "client", "add", "batch", "--grants", "client_credentials", "--scopes", "jobs", "--secret-stdin")
	for name, style := range map[string]oauth2.AuthStyle{
		"found out by itself": oauth2.AuthStyleAutoDetect, "in the header": oauth2.AuthStyleInHeader, "in the body": oauth2.AuthStyleInParams,
	} {
		t.Run(name, func(t *testing.T) {
			config := clientcredentials.Config{ClientID: "batch", ClientSecret: secret, TokenURL: s.URL + "/token", AuthStyle: style}
			token, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if token.Extra("scope") != "jobs" || token.RefreshToken != "" {
				t.Errorf("got scope %v and refresh token %q, want jobs and none", token.Extra("scope"), token.RefreshToken)
			}
		})
	}
}

func TestGoOIDCVerifiesByThePublishedKeys(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "RS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "--signing-alg", alg)
			token := s.login("web", "ann", annsPassword).AccessToken
			issuer, err := oidc.NewProvider(t.Context(), s.URL)
			if err != nil {
				t.Fatal(err)
			}
			verify := func(ctx context.Context, audience string) error {
				verifier := issuer.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{alg}})
				_, err := verifier.Verify(ctx, token)
				return err
			}
			if err := verify(t.Context(), s.URL); err != nil {
				t.Errorf("got %v, want it verified", err)
			}
			if verify(t.Context(), "https://elsewhere.example") == nil {
				t.Error("verified for another audience")
			}
		})
	}
}

func TestGoJOSEVerifiesByThePublishedKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login("web", "ann", annsPassword).AccessToken
	_, body := s.get(s.URL+"/.well-known/jwks.json", "")
	var set jose.JSONWebKeySet
	decode(t, body, &set)
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := parsed.Claims(&set, &claims); err != nil {
		t.Fatal(err)
	}
	want := jwt.Expected{Issuer: s.URL, AnyAudience: jwt.Audience{s.URL}, Time: time.Now()}
	if err := claims.ValidateWithLeeway(want, 0); err != nil {
		t.Error(err)
	}
	if got := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; got != "at+jwt" {
		t.Errorf("got typ %v, want at+jwt", got)
	}
}

// A resource server that asks instead of verifying.
func TestIntrospectionOverHTTP(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var rs struct {
		Secret string `json:"client_secret"`
	}
	decode(t, s.usher("client", "add", "rs", "--introspect", "--json"), &rs)
	login := s.login("web", "ann", annsPassword)
	ask := func(token string) (status int, active bool) {
		status, body := s.post("/introspect", "rs", rs.Secret, map[string][]string{"token": {token}})
		var answer struct{ Active bool }
		decode(t, body, &answer)
		return status, answer.Active
	}
	if status, active := ask(login.AccessToken); status != http.StatusOK || !active {
		t.Errorf("got %d, active %v, want an active token", status, active)
	}
	s.usher("token", "revoke", "--user", "ann") // by another process
	for _, token := range []string{login.AccessToken, login.RefreshToken} {
		if status, active := ask(token); status != http.StatusOK || active {
			t.Errorf("after the command line revoked it: got %d, active %v, want inactive", status, active)
		}
	}
	s.wants(http.StatusUnauthorized, login.AccessToken, "after the command line revoked it")
}
