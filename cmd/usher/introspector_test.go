package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/resource"
)

// An API that asks about each token learns of a revocation at once, and accepts
// nothing where it can't ask.
func TestAnAPIThatIntrospectsLearnsOfARevocationAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	secret := strings.TrimSpace(s.usher("client", "add", "api", "--introspect"))
	for _, tt := range []struct {
		name   string
		ask    resource.Introspector
		before int
		after  int
	}{
		{"as it should be", resource.Introspector{URL: s.URL + "/introspect", ClientID: "api", ClientSecret: secret}, 200, 401},
		{"with a wrong secret", resource.Introspector{URL: s.URL + "/introspect", ClientID: "api", ClientSecret: "wrong"}, 503, 503},
		{"at a wrong address", resource.Introspector{URL: s.URL + "/readyz", ClientID: "api", ClientSecret: secret}, 503, 503},
		{"at an endpoint that does not say", resource.Introspector{URL: s.URL + "/revoke", ClientID: "api", ClientSecret: secret}, 503, 503},
		{"where nobody answers", resource.Introspector{URL: "http://127.0.0.1:1/introspect", ClientID: "api", ClientSecret: secret}, 503, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api, err := resource.New(resource.Config{Issuer: s.URL, Audience: s.URL, Active: tt.ask.Active})
			if err != nil {
				t.Fatal(err)
			}
			protected := api.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") }))
			token := s.login("web", "ann", annsPassword).AccessToken
			call := func() int {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				protected.ServeHTTP(w, r)
				return w.Code
			}
			if got := call(); got != tt.before {
				t.Errorf("before the revocation: got %d, want %d", got, tt.before)
			}
			s.post("/revoke", "", "", url.Values{"client_id": {"web"}, "token": {token}})
			if got := call(); got != tt.after {
				t.Errorf("after it: got %d, want %d", got, tt.after)
			}
		})
	}
}
