package diagnose_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/resource"
)

// broken is a set-up with one thing wrong, and what has to be said of it.
type broken struct {
	name    string
	setup   func(*siteConfig)
	examine func(*site, *diagnose.Issuer)
	// checks are all that are not ok, the one that names the fault first.
	checks     []string
	status     diagnose.Status
	found, fix string // parts of the text
}

const (
	fails = diagnose.Fail
	warns = diagnose.Warning
)

// behind is a set-up with a front.
func behind(f front) func(*siteConfig) { return func(c *siteConfig) { c.front = f } }

// served is a set-up with TLS.
func served(change ...func(*x509.Certificate)) func(*siteConfig) {
	return func(c *siteConfig) { c.tls = ca.serves(change...) }
}

func only(check string) []string { return []string{check} }

var unreached = []broken{
	{
		"nothing listens", func(c *siteConfig) { c.raw = func(net.Conn) {} },
		func(_ *site, i *diagnose.Issuer) { i.URL = "http://127.0.0.1:1" },
		only("reachable"), fails, "nothing listens at 127.0.0.1:1", "usher serve",
	},
	{
		"a proxy of this machine that is down", nil, func(s *site, _ *diagnose.Issuer) {
			s.transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }
		},
		only("reachable"), fails, "by way of a proxy", "NO_PROXY",
	},
	{
		"no such host", nil, func(s *site, i *diagnose.Issuer) { i.URL = "http://auth.example.com"; s.resolve(nxdomain) },
		only("reachable"), fails, "there is no host auth.example.com", "spelling",
	},
	{
		"the name server fails", nil, func(s *site, i *diagnose.Issuer) { i.URL = "http://auth.example.com"; s.resolve(servfail) },
		only("reachable"), fails, "did not tell the address", "/etc/resolv.conf",
	},
	{
		"https on a port of http", nil, func(_ *site, i *diagnose.Issuer) { i.URL = strings.Replace(i.URL, "http:", "https:", 1) },
		only("reachable"), fails, "speaks http, not https", "http://",
	},
	{
		"http on a port of https", served(), func(_ *site, i *diagnose.Issuer) { i.URL = strings.Replace(i.URL, "https:", "http:", 1) },
		only("reachable"), fails, "speaks https, not http", "https://",
	},
	{
		"a connection without an answer", func(c *siteConfig) { c.raw = func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1024)) } }, nil,
		only("reachable"), fails, "closed the connection without an answer", "check scheme and port",
	},
	{
		"another protocol", func(c *siteConfig) {
			c.raw = func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")) }
		}, nil,
		only("reachable"), fails, "speaks no http", "another program's port",
	},
	{
		"no answer in time", func(c *siteConfig) {
			c.raw = func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
		},
		func(s *site, _ *diagnose.Issuer) { s.transport.ResponseHeaderTimeout = 50 * time.Millisecond },
		only("reachable"), fails, "gave no answer", "firewall",
	},
	{
		"an expired certificate", served(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-90*24*time.Hour), time.Now().Add(-3*24*time.Hour-time.Hour)
		}), nil,
		only("tls"), fails, "expired 3 days ago", "renew it",
	},
	{
		"a certificate of tomorrow", served(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }), nil,
		only("tls"), fails, "is only good from", "clock",
	},
	{
		"a certificate of another host", served(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"www.example.com"} }), nil,
		only("tls"), fails, "is for www.example.com, not for 127.0.0.1", "get one for this name",
	},
	{
		"a certificate of an unknown CA", func(c *siteConfig) { c.tls, c.roots = ca.serves(), false }, nil,
		only("tls"), fails, `signed by "Test CA", whom this machine does not know`, "full chain",
	},
	{
		"a certificate signed by itself", func(c *siteConfig) { c.tls = selfSigned() }, nil,
		only("tls"), fails, "signed by itself", "SSL_CERT_FILE",
	},
	{
		"a certificate about to end", served(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(5*24*time.Hour + time.Hour) }), nil,
		only("tls"), warns, "ends in 5 days", "renew it",
	},
	{
		"a redirect to https", behind(func(_ *site, _ http.Handler) http.Handler {
			return http.RedirectHandler("https://auth.example.com/", http.StatusMovedPermanently)
		}), nil,
		only("redirect"), fails, "sends its clients on to https://auth.example.com", "usher doctor https://auth.example.com",
	},
	{
		"http to another machine", func(c *siteConfig) { c.host = "auth.example.com" }, nil,
		only("https"), fails, "in the clear", "certificate",
	},
}

var misnamed = []broken{
	{
		"a slash at the end of the URL", nil, func(_ *site, i *diagnose.Issuer) { i.URL += "/" },
		only("issuer"), fails, "has no slash at the end", "without the slash",
	},
	{
		"a slash at the end of the issuer", behind(metadata(func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" })), nil,
		[]string{"issuer", "bearer resources"}, fails, "has a slash at the end", "--issuer http://127.0.0.1",
	},
	{
		"an issuer of http behind a proxy of https", func(c *siteConfig) {
			served()(c)
			c.issuer = func(front string) string { return strings.Replace(front, "https:", "http:", 1) }
		}, nil,
		only("issuer"), fails, "has the scheme http", "--issuer https://",
	},
	{
		"an issuer of another host", func(c *siteConfig) {
			c.issuer = func(front string) string { return strings.Replace(front, "127.0.0.1", "localhost", 1) }
		}, nil,
		only("issuer"), fails, "has the host localhost", "--issuer http://127.0.0.1",
	},
	{
		"an issuer of another port", func(c *siteConfig) { c.issuer = func(string) string { return "http://127.0.0.1:8000" } }, nil,
		only("issuer"), fails, "has the port 8000", "--issuer",
	},
	{
		"an issuer in capitals", func(c *siteConfig) {
			c.host, c.tls = "auth.example.com", ca.serves()
			c.issuer = func(string) string { return "https://Auth.Example.com" }
		}, nil,
		only("issuer"), fails, "other capitals", "--issuer https://auth.example.com",
	},
	{
		"an issuer without the path", func(c *siteConfig) {
			c.path = "/auth"
			c.issuer = func(front string) string { return strings.TrimSuffix(front, "/auth") }
		}, nil,
		[]string{"issuer", "metadata", "openid metadata, inserted"}, fails, "has no path", "--issuer http://127.0.0.1",
	},
	{
		"no issuer in the metadata", behind(metadata(func(m map[string]any) { delete(m, "issuer") })), nil,
		only("issuer"), fails, "names no issuer", "RFC 8414",
	},
	{
		"no metadata", behind(instead("/.well-known/", 404, "not found")), nil,
		only("metadata"), fails, "answers 404", "hands on /.well-known/",
	},
	{
		"a proxy that asks for a password", behind(instead("/", 401, "", "WWW-Authenticate", `Basic realm="x"`)), nil,
		only("metadata"), fails, "401", "take what asks for a password off",
	},
	{
		"metadata at OpenID's place alone", behind(instead(oauthPath, 404, "")), nil,
		only("metadata"), warns, "RFC 8414 look there", "hand on " + oauthPath,
	},
	{
		"metadata at RFC 8414's place alone", behind(instead(openidPath, 404, "")), nil,
		only("openid metadata"), warns, "OpenID Connect Discovery look there", "hand on " + openidPath,
	},
	{
		"a page for people at all paths", behind(instead("/", 200, "<!doctype html><title>App</title>", "Content-Type", "text/html")), nil,
		only("metadata"), fails, "a page for people", "hands on /.well-known/",
	},
	{
		"half a document", behind(altering("", func(_ *http.Request, a *reply) { a.body = a.body[:len(a.body)/2] })), nil,
		only("metadata"), fails, "no JSON object", "issuer's URL",
	},
	{
		"a document without end", behind(instead("/.well-known/", 200, `{"issuer":"`+strings.Repeat("a", 2<<20))), nil,
		only("metadata"), fails, "more than 1048576 bytes", "issuer's URL",
	},
	{
		"a redirect to a login page", behind(instead("/", 302, "", "Location", "/login/")), nil,
		only("metadata"), fails, "a redirect to http://127.0.0.1", "leads to http://127.0.0.1",
	},
	{
		"a proxy without its server", behind(instead("/", 502, "<h1>Bad Gateway</h1>", "Server", "nginx")), nil,
		only("metadata"), fails, "502 Bad Gateway by nginx", "start usher",
	},
	{
		"two servers at the two places", behind(editing(openidPath, func(m map[string]any) { m["jwks_uri"] = m["jwks_uri"].(string) + "?v=2" })), nil,
		only("metadata agrees"), fails, "differ", "the one server",
	},
	{
		"a path that is not handed on where RFC 8414 looks", func(c *siteConfig) {
			c.path, c.front = "/auth", instead(oauthPath+"/auth", 404, "")
		}, nil,
		only("metadata"), warns, oauthPath + "/auth answers 404", "hand on " + oauthPath + "/auth as it is",
	},
	{
		"a path that is not stripped", func(c *siteConfig) {
			c.path = "/auth"
			c.front = func(_ *site, next http.Handler) http.Handler { return unstripped("/auth", next) }
		}, nil,
		[]string{"token_endpoint", "openid metadata", "metadata, appended", "introspection_endpoint", "revocation_endpoint", "key set"}, fails,
		"answers 404", "strip /auth and hand on the rest: /auth/token has to arrive as /token",
	},
}

// unstripped undoes what the site's proxy does.
func unstripped(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, path) {
			r.URL.Path = path + r.URL.Path
		}
		next.ServeHTTP(w, r)
	})
}

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

var keySets = []broken{
	{
		"no key set in the metadata", behind(metadata(func(m map[string]any) { delete(m, "jwks_uri") })), nil,
		only("key set"), fails, "no jwks_uri", "RFC 8414",
	},
	{
		"a key set that is not handed on", behind(instead(jwksPath, 404, "")), nil,
		only("key set"), fails, "404", "hand on " + jwksPath,
	},
	{
		"a page in the place of the key set", behind(instead(jwksPath, 200, "<html></html>")), nil,
		only("key set"), fails, "a page for people", "hand on " + jwksPath,
	},
	{
		"something else in the place of the key set", behind(instead(jwksPath, 200, `{"key":[]}`)), nil,
		only("key set"), fails, "no key set", "RFC 7517",
	},
	{
		"a key set where nothing listens", behind(metadata(func(m map[string]any) { m["jwks_uri"] = "http://127.0.0.1:1/jwks" })), nil,
		only("key set"), fails, "nothing listens", "start the server",
	},
	{
		"no key", behind(editing(jwksPath, func(set map[string]any) { set["keys"] = []any{} })), nil,
		only("key set"), fails, "it is empty", "usher key rotate",
	},
	{
		"a key that is not on its curve", behind(key(func(k map[string]any) { k["x"] = k["y"] })), nil,
		only("key set"), fails, "no key that can be read", "usher key list",
	},
	{
		"a key for encryption alone", behind(key(func(k map[string]any) { k["use"] = "enc" })), nil,
		only("key set"), fails, "is not for signatures", "usher key",
	},
	{
		"a small RSA key", behind(key(func(k map[string]any) { clear(k); smallRSA(k) })), nil,
		only("key set"), fails, "RSA key of 1024 bits", "usher key",
	},
	{
		"a private key", behind(key(func(k map[string]any) { k["d"] = k["x"] })), nil,
		only("private keys"), fails, "A PRIVATE KEY IS PUBLISHED", "rotate --now",
	},
	{
		"a shared secret beside the key", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), map[string]any{"kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0"})
		})), nil,
		only("private keys"), fails, `key "s" has the member "k"`, "offline",
	},
	{
		"two keys of one id", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), set["keys"].([]any)...)
		})), nil,
		only("key ids"), fails, "two keys have the kid", "of its own",
	},
	{
		"two keys, one without an id", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), map[string]any{"kty": "EC"})
		})), nil,
		only("key ids"), fails, "a key has no kid", "of its own",
	},
	{
		"a key without alg", behind(key(func(k map[string]any) { delete(k, "alg") })), nil,
		only("key ids"), warns, "kid, alg or use is missing", "all three",
	},
	{
		"a key set that nobody may keep", behind(with(jwksPath, "Cache-Control", "no-store")), nil,
		only("key caching"), warns, "may not keep", "proxy",
	},
	{
		"a key set without a word on caching", behind(without(jwksPath, "Cache-Control")), nil,
		only("key caching"), warns, "guess", "proxy",
	},
	{
		"a key set for a year", behind(with(jwksPath, "Cache-Control", "public, max-age=31536000")), nil,
		only("key caching"), warns, "31536000 seconds", "proxy",
	},
	{
		"a server on another database", nil, func(_ *site, i *diagnose.Issuer) { i.SigningKey = "of-another" },
		only("same keys"), fails, "does not publish key of-another", "--database",
	},
}

func smallRSA(k map[string]any) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	k["kty"], k["kid"], k["alg"], k["use"] = "RSA", "small", "RS256", "sig"
	k["n"] = base64.RawURLEncoding.EncodeToString(small.N.Bytes())
	k["e"] = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(small.E)).Bytes())
}

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

func TestEveryFaultIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(unreached, misnamed, obstructed, keySets, fromPages, bearers) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			setup := tt.setup
			if setup == nil {
				setup = func(*siteConfig) {}
			}
			s := newSite(t, setup)
			i := diagnose.Issuer{URL: s.URL, Transport: s.transport}
			if tt.examine != nil {
				tt.examine(s, &i)
			}
			expectFault(t, i.Examine(t.Context()), tt.checks, tt.status, tt.found, tt.fix)
		})
	}
}

// expectFault demands that these checks are not ok, and no others, and what is said
// of the first.
func expectFault(t *testing.T, findings []diagnose.Finding, checks []string, status diagnose.Status, found, fix string) {
	t.Helper()
	var got []string
	for _, f := range findings {
		if f.Status != diagnose.Fail && f.Status != diagnose.Warning {
			continue
		}
		got = append(got, f.Check)
		if f.Fix == "" || strings.ContainsAny(f.Found+f.Fix, "\n\r\x1b") {
			t.Errorf("got %+v, want a fix, and no more than a line", f)
		}
		if f.Check == checks[0] && (f.Status != status || !strings.Contains(f.Found, found) || !strings.Contains(f.Fix, fix)) {
			t.Errorf("got %+v, want %s with %q and the fix %q", f, status, found, fix)
		}
	}
	want := slices.Sorted(slices.Values(checks))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("checks that are not ok (-want +got):\n%s\nin %+v", diff, findings)
	}
}

func TestNothingIsWrongWithAGoodServer(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(*siteConfig){
		"plain":                 func(*siteConfig) {},
		"https":                 served(),
		"a path behind a proxy": func(c *siteConfig) { c.path = "/auth" },
		"https, a name, a path": func(c *siteConfig) { c.tls, c.host, c.path = ca.serves(), "auth.example.com", "/a/b" },
		"another audience":      func(c *siteConfig) { c.audience = "https://api.example.com" },
		"any page may call":     func(c *siteConfig) { c.origins = []string{"*"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, setup)
			local, signing := diagnose.Local{Database: "sqlite:" + s.database, File: s.database, MasterKeyFile: s.masterKey, DefaultClient: "web"}.Examine(t.Context())
			i := diagnose.Issuer{URL: s.URL, Origin: page, Audience: s.audience, Resource: s.orders(), SigningKey: signing, Transport: s.transport}
			if i.Audience == "" {
				i.Audience = s.URL
			}
			findings := append(local, i.Examine(t.Context())...)
			for _, f := range findings {
				if f.Status != diagnose.OK || f.Fix != "" {
					t.Errorf("got %+v, want nothing but ok", f)
				}
			}
			if len(findings) < 25 {
				t.Errorf("got %d findings, want more: %+v", len(findings), findings)
			}
		})
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

// Not every server is usher: what RFC 8414 leaves out may be left out.
func TestAnotherServerPasses(t *testing.T) {
	t.Parallel()
	s := newSite(t, behind(all(
		metadata(func(m map[string]any) { delete(m, "introspection_endpoint"); delete(m, "revocation_endpoint") }),
		instead("/users/", 404, ""), instead("/readyz", 404, ""),
		altering(oauthPath, func(_ *http.Request, a *reply) { // out of a cache
			a.header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			a.header.Set("Age", "3600")
		}),
		altering("/token", func(_ *http.Request, a *reply) { a.status, a.body = 401, `{"error":"invalid_client"}` }),
	)))
	findings := diagnose.Issuer{URL: s.URL, Transport: s.transport}.Examine(t.Context())
	var skipped []string
	for _, f := range findings {
		switch f.Status {
		case diagnose.Skipped:
			skipped = append(skipped, f.Check)
		case diagnose.OK:
		default:
			t.Errorf("got %+v, want nothing wrong", f)
		}
	}
	if diff := cmp.Diff([]string{"ready", "bearer resources"}, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

// Answers of DNS (RFC 1035, section 4.1.1).
const (
	servfail = 2
	nxdomain = 3
)

// resolve makes a name server of the test's answer every question with that code.
func (s *site) resolve(code byte) {
	s.t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(s.t.Context(), "udp", "127.0.0.1:0")
	check(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			answer := bytes.Clone(question[:n])
			answer[2], answer[3] = 0x81, 0x80|code
			answer[10], answer[11] = 0, 0 // no additional records
			answer = answer[:questionEnd(answer)]
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}}
	s.transport.DialContext = dialer.DialContext
}

// questionEnd is where the one question of a message ends.
func questionEnd(message []byte) int {
	i := 12
	for message[i] != 0 {
		i += int(message[i]) + 1
	}
	return i + 5
}
