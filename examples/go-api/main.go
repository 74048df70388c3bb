// Command go-api is an API whose users log in at usher.
package main

import (
	"cmp"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/usher-oauth/usher/resource"
)

func main() {
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://127.0.0.1:8000")
	api, err := resource.New(resource.Config{
		Issuer:   issuer,
		Audience: cmp.Or(os.Getenv("AUDIENCE"), issuer),
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /me", api.Require(http.HandlerFunc(me)))
	mux.Handle("GET /orders", api.Require(http.HandlerFunc(orders), "orders"))
	server := &http.Server{
		Addr:              cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000"),
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

func me(w http.ResponseWriter, r *http.Request) {
	claims, _ := resource.FromContext(r.Context())
	write(w, struct {
		Subject string   `json:"subject"` // a user's id, or that of a client which acts for itself
		Client  string   `json:"client"`
		Scopes  []string `json:"scopes"`
	}{claims.Subject, claims.ClientID, claims.Scopes()})
}

func orders(w http.ResponseWriter, r *http.Request) {
	claims, _ := resource.FromContext(r.Context())
	write(w, struct {
		Orders []string `json:"orders"`
		Of     string   `json:"of"`
	}{[]string{}, claims.Subject})
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print("answering: ", err)
	}
}
