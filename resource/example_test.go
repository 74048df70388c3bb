package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/resource"
)

func Example() {
	auth := newAuthorizationServer()
	defer auth.Close()

	api, err := resource.New(resource.Config{
		Issuer:   auth.URL,
		Audience: "https://api.example.com",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := resource.FromContext(r.Context())
		fmt.Fprintf(w, "the orders of %s", claims.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", api.Require(orders, "orders:read"))
	mux.Handle("DELETE /orders", api.Require(orders, "orders:write"))

	for _, method := range []string{"GET", "DELETE"} {
		r := httptest.NewRequest(method, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+auth.token("ann", "orders:read"))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(method, w.Code, w.Body.String())
	}
	// Output:
	// GET 200 the orders of ann
	// DELETE 403 {"error":"insufficient_scope","error_description":"The access token lacks a scope"}
}

// authorizationServer stands in for usher.
type authorizationServer struct {
	*httptest.Server
	ring *keys.Ring
}

func newAuthorizationServer() *authorizationServer {
	made, err := keys.NewRing(nil).Rotate(time.Now(), keys.ES256, time.Hour)
	if err != nil {
		panic(err)
	}
	s := &authorizationServer{ring: keys.NewRing(made)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL+"/jwks.json")
	})
	mux.HandleFunc("GET /jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(s.ring.Document(time.Now()).JSON)
	})
	s.Server = httptest.NewServer(mux)
	return s
}

func (s *authorizationServer) token(user, scope string) string {
	now := time.Now()
	token, err := accesstoken.Sign(s.ring, now, accesstoken.Claims{
		Issuer: s.URL, Subject: user, Audience: []string{"https://api.example.com"},
		Expiry: now.Add(time.Minute).Unix(), IssuedAt: now.Unix(),
		ID: accesstoken.NewID(accesstoken.ID{ClientEpoch: "app"}), ClientID: "app", Scope: scope,
	})
	if err != nil {
		panic(err)
	}
	return token
}
