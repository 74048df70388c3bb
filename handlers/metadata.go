package handlers

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
)

const (
	jwksPath              = "/.well-known/jwks.json"
	oauthMetadataPath     = "/.well-known/oauth-authorization-server" // RFC 8414, section 3
	openidMetadataPath    = "/.well-known/openid-configuration"       // where many verifiers look only
	protectedResourcePath = "/.well-known/oauth-protected-resource"   // RFC 9728, section 3
	docsPath              = "/docs"
)

// metadataCaching lets an hour pass before a changed setting is seen, which
// only a restart can bring.
const metadataCaching = "public, max-age=3600"

// serverMetadata is what RFC 8414, section 2 lets a server say of itself. There
// is no authorization_endpoint because none of the grants needs one.
type serverMetadata struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"` // required, even if empty
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAlgorithms  []string `json:"introspection_signing_alg_values_supported"` // RFC 9701, section 7
	Documentation            string   `json:"service_documentation"`
}

// resourceMetadata is RFC 9728, section 2. It has no jwks_uri: that would name
// keys by which the resource itself signs, and it signs nothing.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	Name                 string   `json:"resource_name"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	Documentation        string   `json:"resource_documentation"`
}

// describe returns the metadata of the server and of the resources on it, by
// the paths they are asked for.
func describe(issuer, audience string) (map[string]document, error) {
	confidential := []string{"client_secret_basic", "client_secret_post"}
	all := []string{"client_secret_basic", "client_secret_post", "none"}
	server, err := newJSON(serverMetadata{
		Issuer:                   issuer,
		TokenEndpoint:            endpoint(issuer, "/token"),
		IntrospectionEndpoint:    endpoint(issuer, "/introspect"),
		RevocationEndpoint:       endpoint(issuer, "/revoke"),
		JWKSURI:                  endpoint(issuer, jwksPath),
		GrantTypes:               provider.GrantTypes(),
		ResponseTypes:            []string{},
		TokenAuthMethods:         all,
		IntrospectionAuthMethods: confidential,
		RevocationAuthMethods:    all,
		IntrospectionAlgorithms:  []string{string(keys.ES256), string(keys.RS256), string(keys.EdDSA)},
		Documentation:            endpoint(issuer, docsPath),
	}, metadataCaching)
	if err != nil {
		return nil, err
	}
	id := resourceIdentifier(audience, issuer)
	resource, err := newJSON(resourceMetadata{
		Resource:             id,
		Name:                 "usher",
		AuthorizationServers: []string{issuer},
		Scopes:               []string{"profile"},
		BearerMethods:        []string{"header"},
		Documentation:        endpoint(issuer, docsPath),
	}, metadataCaching)
	if err != nil {
		return nil, err
	}
	return map[string]document{
		oauthMetadataPath:                    server,
		inserted(oauthMetadataPath, issuer):  server,
		openidMetadataPath:                   server,
		inserted(openidMetadataPath, issuer): server,
		protectedResourcePath:                resource,
		inserted(protectedResourcePath, id):  resource,
	}, nil
}

// parseIssuer refuses what can't be an issuer identifier (RFC 8414, section 2).
// Whether plain http may be used is not decided here.
func parseIssuer(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	if err != nil || !isWeb(u) || u.User != nil || strings.ContainsAny(issuer, "?#") {
		return nil, fmt.Errorf("issuer %q is not an http or https URL without query and fragment", issuer)
	}
	return u, nil
}

// isWeb reports whether u is an absolute URL that browsers and clients can get.
func isWeb(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// resourceIdentifier names the resources here (RFC 9728, section 1.2 wants a
// URL): the default audience where it can, else the issuer.
func resourceIdentifier(audience, issuer string) string {
	if u, err := url.Parse(audience); err == nil && isWeb(u) && u.Fragment == "" {
		return audience
	}
	return issuer
}

// endpoint returns the URL of path as clients see it: beneath the issuer, whose
// own path a proxy strips.
func endpoint(issuer, path string) string {
	return strings.TrimSuffix(issuer, "/") + path
}

// inserted returns path as clients put it between the host and the path of id,
// a URL (RFC 8414, section 3.1 and RFC 9728, section 3.1). Some append it to the
// whole URL instead; a proxy that strips the path of id makes that path alone.
func inserted(path, id string) string {
	u, err := url.Parse(id)
	if err != nil {
		return path
	}
	return path + strings.TrimSuffix(u.Path, "/")
}
