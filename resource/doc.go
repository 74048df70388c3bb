// Package resource lets an API accept usher's access tokens.
//
//	api, err := resource.New(resource.Config{
//		Issuer:   "https://auth.example.com",
//		Audience: "https://api.example.com",
//	})
//	...
//	mux.Handle("GET /orders", api.Require(orders, "orders:read"))
//
// It owns the check of a token from the Authorization header to the claims in
// the request's context, the answers of RFC 6750, and a cache of the issuer's
// keys. It refuses to know users, databases and how tokens are issued. A token
// is checked without asking the issuer; that a token was revoked before its
// expiry is only seen by way of Config.Active, such as an Introspector.
package resource
