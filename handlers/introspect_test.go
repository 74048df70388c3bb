package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const signed = "application/token-introspection+jwt"

// askSigned introspects a token as client, and wants the answer signed.
func (s *testServer) askSigned(t *testing.T, client, token string) string {
	t.Helper()
	r := newRequest(t, "POST", "/introspect", encode("token", token), form, "Accept: "+signed)
	r.SetBasicAuth(client, s.secrets[client])
	w := serve(s.public, r)
	if w.Code != 200 {
		t.Fatalf("status: got %d %s, want 200", w.Code, w.Body)
	}
	wantHeader(t, w, "Content-Type", signed)
	wantHeader(t, w, "Cache-Control", "no-store")
	return w.Body.String()
}

// verified checks a JWT by the published key set, as an API would that knows
// nothing of this server, and returns its claims.
func (s *testServer) verified(t *testing.T, token string) map[string]any {
	t.Helper()
	var keys jose.JSONWebKeySet
	check(t, json.Unmarshal(s.ask("GET", "/.well-known/jwks.json", "").Body.Bytes(), &keys))
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	check(t, err)
	header := jws.Signatures[0].Protected
	if typ := header.ExtraHeaders[jose.HeaderType]; typ != "token-introspection+jwt" {
		t.Errorf("typ: got %v, want token-introspection+jwt", typ)
	}
	payload, err := jws.Verify(keys.Key(header.KeyID)[0])
	check(t, err)
	var claims map[string]any
	check(t, json.Unmarshal(payload, &claims))
	return claims
}

// RFC 9701, section 5.
func TestASignedIntrospectionAnswerSaysWhatThePlainOneSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ann := s.login("ann")
	for name, tt := range map[string]struct{ client, token string }{
		"an access token":            {"api", ann.Access},
		"a refresh token":            {"api", ann.Refresh},
		"nonsense":                   {"api", "nonsense"},
		"a token of another client":  {"job", ann.Access},
		"a client's own token":       {"job", s.machineToken()},
		"an answer that was signed ": {"api", s.askSigned(t, "api", ann.Access)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := s.verified(t, s.askSigned(t, tt.client, tt.token))
			plain := decode[map[string]any](t, s.postAs(tt.client, "/introspect", "token", tt.token))
			if diff := cmp.Diff(plain, claims["token_introspection"]); diff != "" {
				t.Errorf("token_introspection (-plain +signed):\n%s", diff)
			}
			delete(claims, "token_introspection")
			issued, ok := claims["iat"].(float64)
			if age := time.Since(time.Unix(int64(issued), 0)); !ok || age < 0 || age > time.Minute {
				t.Errorf("iat: got %v, want now", claims["iat"])
			}
			delete(claims, "iat")
			if diff := cmp.Diff(map[string]any{"iss": issuer, "aud": tt.client}, claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

// RFC 9701, section 8.1: it is no access token.
func TestASignedIntrospectionAnswerIsNoToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	answer := s.askSigned(t, "api", s.login("ann").Access)
	for _, path := range []string{"/users/me", "/protected", "/verify"} {
		wantProblem(t, s.ask("GET", path, "", bearer(answer)), 401, "invalid_token")
	}
}

func TestTheFormOfAnIntrospectionAnswerIsTheCallersChoice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		accept string
		want   string
	}{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"application/*", "application/json"},
		{"application/json", "application/json"},
		{"text/html, */*;q=0.1", "application/json"},
		{signed, signed},
		{"Application/Token-Introspection+JWT", signed},
		{signed + ";q=0.5", signed},
		{signed + ", application/json", signed},
		{"application/json, " + signed, signed},
		{"application/json;q=0.9, " + signed, signed},
		{"application/json, " + signed + ";q=0.9", "application/json"},
		{signed + ";q=0", "application/json"},
		{signed + ";q=high", "application/json"},
		{signed + ";q=0, application/json;q=0", "application/json"},
		{"application/token-introspection+jwtx", "application/json"},
		{"application/json;;q", "application/json"},
	} {
		r := newRequest(t, "POST", "/introspect", encode("token", "x"), form)
		r.SetBasicAuth("api", s.secrets["api"])
		if tt.accept != "" {
			r.Header.Set("Accept", tt.accept)
		}
		if got := serve(s.public, r).Header().Get("Content-Type"); got != tt.want {
			t.Errorf("Accept: %s: got %s, want %s", tt.accept, got, tt.want)
		}
	}
	// Refusals are JSON, whatever was asked for.
	w := s.ask("POST", "/introspect", "token=x", form, "Accept: "+signed)
	wantProblem(t, w, 401, "invalid_client")
	if strings.Contains(w.Body.String(), "eyJ") {
		t.Errorf("a refusal was signed: %s", w.Body)
	}
}
