package diagnose_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

var obstructed = []broken{
	{
		"a redirect on the token endpoint", behind(instead("/token", 301, "", "Location", "https://auth.example.com/token")), nil,
		only("token_endpoint"), fails, "a redirect to https://auth.example.com/token, on which clients send a GET", "without a redirect",
	},
	{
		"a token endpoint that is not handed on", behind(instead("/token", 404, "")), nil,
		only("token_endpoint"), fails, "404", "hand on /token",
	},
	{
		"a server of files at the token endpoint", behind(instead("/token", 405, "")), nil,
		only("token_endpoint"), fails, "405", "POST",
	},
	{
		"a firewall at the token endpoint", behind(instead("/token", 403, "")), nil,
		only("token_endpoint"), fails, "403", "firewall",
	},
	{
		"a token endpoint in trouble", behind(instead("/token", 500, `{"error":"server_error"}`, "X-Request-Id", "R7")), nil,
		only("token_endpoint"), fails, "500", `request_id "R7"`,
	},
	{
		"error pages of the proxy", behind(altering("/token", func(_ *http.Request, a *reply) {
			a.header.Set("Content-Type", "text/html")
			a.body = "<h1>400 Bad Request</h1>"
		})), nil,
		only("token errors"), fails, "no JSON error", "proxy_intercept_errors",
	},
	{
		"another program at the token endpoint", behind(altering("/token", func(_ *http.Request, a *reply) { a.status, a.body = 418, `{"error":"teapot"}` })), nil,
		only("token errors"), fails, `"teapot"`, "is this the token endpoint",
	},
	{
		"a limit on guesses", behind(instead("/token", 429, "")), nil,
		only("token errors"), warns, "429", "wait",
	},
	{
		"answers that caches may keep", behind(with("/token", "Cache-Control", "max-age=60")), nil,
		only("token caching"), warns, `"max-age=60"`, "Cache-Control alone",
	},
	{
		"escape sequences in the metadata", behind(metadata(func(m map[string]any) {
			m["token_endpoint"] = m["issuer"].(string) + "/\u202e%1b]0;x%07"
		})), nil,
		only("token_endpoint"), fails, "404", "hand on /",
	},
	{
		"no token endpoint in the metadata", behind(metadata(func(m map[string]any) { delete(m, "token_endpoint") })), nil,
		only("token_endpoint"), fails, "no token endpoint", "RFC 8414",
	},
	{
		"a relative token endpoint", behind(metadata(func(m map[string]any) { m["token_endpoint"] = "/token" })), nil,
		only("token_endpoint"), fails, "no absolute URL", "whole URL",
	},
	{
		"a token endpoint in the clear", func(c *siteConfig) {
			served()(c)
			c.front = metadata(func(m map[string]any) {
				m["token_endpoint"] = strings.Replace(m["token_endpoint"].(string), "https:", "http:", 1)
			})
		}, nil,
		only("token_endpoint"), fails, "in the clear", "--issuer",
	},
	{
		"a token endpoint at another address", behind(metadata(func(m map[string]any) {
			m["token_endpoint"] = strings.Replace(m["token_endpoint"].(string), "127.0.0.1", "localhost", 1)
		})), nil,
		only("token_endpoint"), warns, "not beneath the issuer", "--issuer",
	},
	{
		"a token endpoint where nothing listens", behind(metadata(func(m map[string]any) { m["token_endpoint"] = "http://127.0.0.1:1/token" })), nil,
		only("token_endpoint"), fails, "nothing listens at 127.0.0.1:1", "start the server",
	},
	{
		"an introspection endpoint that is not handed on", behind(instead("/introspect", 404, "")), nil,
		only("introspection_endpoint"), fails, "404", "hand on /introspect",
	},
	{
		"a revocation endpoint without its server", behind(instead("/revoke", 504, "")), nil,
		only("revocation_endpoint"), fails, "504", "does not reach the server",
	},
	{
		"a clock ahead", behind(altering("", func(_ *http.Request, a *reply) {
			a.header.Set("Date", time.Now().Add(50*time.Second).UTC().Format(http.TimeFormat))
		})), nil,
		only("clock"), fails, "seconds ahead of this machine's", "NTP",
	},
	{
		"a clock behind", behind(altering("", func(_ *http.Request, a *reply) {
			a.header.Set("Date", time.Now().Add(-3*time.Hour-time.Minute).UTC().Format(http.TimeFormat))
		})), nil,
		only("clock"), fails, "3 hours behind this machine's", "NTP",
	},
	{
		"a cache with a clock behind", behind(altering("", func(_ *http.Request, a *reply) {
			a.header.Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
			a.header.Set("Age", "3600")
		})), nil,
		only("clock"), fails, "behind this machine's", "NTP",
	},
	{
		"no clock", behind(altering("", func(_ *http.Request, a *reply) { a.header["Date"] = nil })), nil,
		only("clock"), warns, "no Date", "proxy",
	},
	{
		"a server that is not ready", func(c *siteConfig) { c.ready = func(context.Context) error { return errors.New("stopping") } }, nil,
		only("ready"), fails, "/readyz answers 503", "not ready",
	},
	{
		"the operators' pages in public", behind(func(s *site, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/metrics" {
					next = s.admin
				}
				next.ServeHTTP(w, r)
			})
		}), nil,
		only("private pages"), fails, "everyone can read /metrics", "--admin-addr",
	},
}
