package resource_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/resource"
)

// web is a network of documents by URL. What is not there is 404.
type web map[string]string

func (w web) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := w[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	const (
		oauth  = "/.well-known/oauth-authorization-server"
		openID = "/.well-known/openid-configuration"
		host   = "https://auth.example"
	)
	metadata := func(issuer, jwksURL string) string {
		return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, jwksURL)
	}
	for _, tt := range []struct {
		name, issuer string
		documents    web // besides the key set at host/keys
		want         error
	}{
		{"RFC 8414", host, web{host + oauth: metadata(host, host+"/keys")}, nil},
		{"OpenID Connect", host, web{host + openID: metadata(host, host+"/keys")}, nil},
		{"RFC 8414 with a path", host + "/a/b", web{host + oauth + "/a/b": metadata(host+"/a/b", host+"/keys")}, nil},
		{"path first", host + "/a/b", web{host + "/a/b" + oauth: metadata(host+"/a/b", host+"/keys")}, nil},
		{"OpenID Connect with a path", host + "/a/b", web{host + "/a/b" + openID: metadata(host+"/a/b", host+"/keys")}, nil},
		{"issuer with a slash", host + "/", web{host + oauth: metadata(host+"/", host+"/keys")}, nil},
		{"the first is broken, the second is not", host, web{host + oauth: `<html>`, host + openID: metadata(host, host+"/keys")}, nil},
		{"another issuer", host, web{host + oauth: metadata("https://attacker.example", host+"/keys")}, resource.ErrUnavailable},
		{"issuer with a slash more", host, web{host + oauth: metadata(host+"/", host+"/keys")}, resource.ErrUnavailable},
		{"no issuer", host, web{host + oauth: `{"jwks_uri":"` + host + `/keys"}`}, resource.ErrUnavailable},
		{"no keys", host, web{host + oauth: `{"issuer":"` + host + `"}`}, resource.ErrUnavailable},
		{"keys at a relative address", host, web{host + oauth: metadata(host, "/keys")}, resource.ErrUnavailable},
		{"keys in a file", host, web{host + oauth: metadata(host, "file:///keys")}, resource.ErrUnavailable},
		{"keys in the clear", host, web{host + oauth: metadata(host, "http://auth.example/keys")}, resource.ErrUnavailable},
		{"nothing", host, web{}, resource.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			document := string(i.ring.Document(epoch).JSON)
			tt.documents[host+"/keys"] = document
			tt.documents["http://auth.example/keys"] = document
			r := i.api(t, func(c *resource.Config) {
				c.Issuer, c.JWKSURL = tt.issuer, ""
				c.HTTPClient = &http.Client{Transport: tt.documents}
			})
			c := i.claims()
			c.Issuer = tt.issuer
			if _, err := r.Verify(t.Context(), i.sign(t, c)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestDiscoveryHappensOnce(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r := i.api(t, func(c *resource.Config) { c.JWKSURL = "" })
	const metadata = "/.well-known/oauth-authorization-server"
	expect(t, i, r, "first", i.token(t), nil, metadata, jwks)
	i.advance(5 * time.Minute)
	expect(t, i, r, "stale", i.token(t), nil, jwks, "304")
	i.set(func() { i.answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) } })
	i.advance(5 * time.Minute)
	expect(t, i, r, "the keys have moved", i.token(t), nil, jwks)
	i.up()
	i.advance(10 * time.Second)
	i.replaceKeys(t)
	expect(t, i, r, "found again, with a new key", i.token(t), nil, metadata, jwks)
}
