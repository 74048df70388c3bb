package diagnose_test

import (
	"net/http"
	"strings"

	"github.com/usher-oauth/usher/diagnose"
)

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
