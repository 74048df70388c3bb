package diagnose_test

import (
	"net/http"
	"net/http/httptest"

	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/resource"
)

func fromPage(_ *site, i *diagnose.Issuer) { i.Origin = page }

var fromPages = []broken{
	{
		"a page that is not allowed", func(c *siteConfig) { c.origins = nil }, fromPage,
		only("cors preflight"), fails, "405", "--cors-origins " + page,
	},
	{
		"another page is allowed", func(c *siteConfig) { c.origins = []string{"https://other.example.com"} }, fromPage,
		only("cors preflight"), fails, "are not allowed", "--cors-origins " + page,
	},
	{
		"one page is allowed for all", behind(with("", "Access-Control-Allow-Origin", "https://other.example.com")), fromPage,
		only("cors preflight"), fails, `"https://other.example.com" is allowed`, "--cors-origins " + page,
	},
	{
		"the proxy allows it too", behind(with("", "Access-Control-Allow-Origin", page, "*")), fromPage,
		only("cors preflight"), fails, "there 2 times", "take it out of the proxy",
	},
	{
		"the proxy answers preflights", behind(altering("", func(r *http.Request, a *reply) {
			if r.Method == http.MethodOptions {
				a.header.Set("Access-Control-Allow-Headers", "*")
			}
		})), fromPage,
		only("cors preflight"), fails, "may not send the header authorization", "OPTIONS",
	},
	{
		"errors that pages can't read", behind(altering("/token", func(r *http.Request, a *reply) {
			if r.Method == http.MethodPost {
				a.header.Del("Access-Control-Allow-Origin")
			}
		})), fromPage,
		only("cors errors"), fails, "can't read errors", "--cors-origins " + page,
	},
}

var bearers = []broken{
	{
		"a challenge that is dropped", behind(without("/users/me", "WWW-Authenticate")), nil,
		only("bearer resources"), fails, "without WWW-Authenticate: Bearer", "proxy hand it on",
	},
	{
		"a challenge of the proxy", behind(with("/users/me", "WWW-Authenticate", `Basic realm="x, Bearer y"`)), nil,
		only("bearer resources"), fails, "without WWW-Authenticate: Bearer", "proxy hand it on",
	},
	{
		"a page at the resource", behind(instead("/users/me", 200, "hello")), nil,
		only("bearer resources"), fails, "200 OK to a request without a token", "401",
	},
	{
		"resource metadata that are not handed on", behind(instead("/.well-known/oauth-protected-resource", 404, "")), nil,
		only("bearer resources"), fails, "404", "hand on /.well-known/oauth-protected-resource",
	},
	{
		"resource metadata of another issuer", behind(editing("/.well-known/oauth-protected-resource", func(m map[string]any) {
			m["authorization_servers"] = []string{"https://other.example.com"}
		})), nil,
		only("bearer resources"), fails, `names "https://other.example.com"`, "authorization_servers",
	},
	{
		"a proxy that drops the Authorization header", behind(func(_ *site, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization")
				next.ServeHTTP(w, r)
			})
		}), nil,
		only("authorization header"), fails, "does not see the Authorization header", "CGIPassAuth",
	},
	{
		"another default audience", nil, func(_ *site, i *diagnose.Issuer) { i.Audience = "https://api.example.com" },
		only("audience"), fails, "not for https://api.example.com", "--default-audience https://api.example.com",
	},
	{
		"an API that asks for no token", nil, api(func(w http.ResponseWriter) {}),
		only("resource"), fails, "200 OK to a request without a token", "401",
	},
	{
		"an API with a login page", nil, api(func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(302) }),
		only("resource"), fails, "200 OK", "401",
	},
	{
		"an API with a login page elsewhere", nil, api(func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://login.example.com/")
			w.WriteHeader(302)
		}),
		only("resource"), fails, "a redirect to https://login.example.com/", "401",
	},
	{
		"an API without a challenge", nil, api(func(w http.ResponseWriter) { w.WriteHeader(401) }),
		only("resource"), fails, "without WWW-Authenticate", "RFC 6750",
	},
	{
		"an API whose challenge leads nowhere", nil, api(func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
			w.WriteHeader(401)
		}),
		only("resource"), warns, "has no resource_metadata", "RFC 9728",
	},
	{
		"an API whose challenge leads to a path", nil, api(func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="/metadata"`)
			w.WriteHeader(401)
		}),
		only("resource"), fails, "which is no URL", "whole URL",
	},
	{
		"an API that is down", nil, func(_ *site, i *diagnose.Issuer) { i.Resource = "http://127.0.0.1:1/orders" },
		only("resource"), fails, "the API: nothing listens", "start the server",
	},
}

// api has an API examined that answers like that, without a login page.
func api(answer func(http.ResponseWriter)) func(*site, *diagnose.Issuer) {
	return func(s *site, i *diagnose.Issuer) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/orders" {
				answer(w)
			}
		}))
		s.t.Cleanup(server.Close)
		i.Resource = server.URL + "/orders"
	}
}

// orders is the URL of an API that accepts the tokens of the site.
func (s *site) orders() string {
	s.t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	api, err := resource.New(resource.Config{Issuer: s.URL, Audience: server.URL, MetadataURL: server.URL + "/metadata"})
	check(s.t, err)
	mux.Handle("/orders", api.Require(http.NotFoundHandler()))
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"resource":"` + server.URL + `","authorization_servers":["` + s.URL + `"]}`))
	})
	return server.URL + "/orders"
}
