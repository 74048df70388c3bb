package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// source knows where the key set is: as configured, or as the issuer says.
type source struct {
	issuer     string
	configured string
	discovered string
}

// url returns the address of the key set, asking the issuer's metadata for it
// once.
func (s *source) url(ctx context.Context, client *http.Client) (string, error) {
	if s.configured != "" {
		return s.configured, nil
	}
	if s.discovered == "" {
		found, err := discover(ctx, client, s.issuer)
		if err != nil {
			return "", err
		}
		s.discovered = found
	}
	return s.discovered, nil
}

// forget makes the next call of url ask again: the keys may have moved.
func (s *source) forget() { s.discovered = "" }

// discover returns the jwks_uri of the first of the issuer's metadata documents
// that is in order.
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	var faults []error
	for _, address := range metadataURLs(issuer) {
		jwksURL, err := readMetadata(ctx, client, address, issuer)
		if err == nil {
			return jwksURL, nil
		}
		faults = append(faults, err)
	}
	return "", fmt.Errorf("discovering keys: %w", errors.Join(faults...))
}

// metadataURLs returns where an issuer's metadata may be: with the well-known
// part between host and path (RFC 8414, section 3.1), and after the path
// (OpenID Connect Discovery 1.0, section 4), where proxies that hand on a path
// have it. Without a path the two are one.
func metadataURLs(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil // New has checked it
	}
	const oauth, openID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	origin := u.Scheme + "://" + u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return slices.Compact([]string{origin + oauth + path, origin + path + oauth, origin + path + openID})
}

func readMetadata(ctx context.Context, client *http.Client, address, issuer string) (jwksURL string, err error) {
	answer, err := get(ctx, client, address, "")
	if err != nil {
		return "", err
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURL string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(answer.body, &metadata); err != nil {
		return "", fmt.Errorf("reading %s: %w", address, err)
	}
	// RFC 8414, section 3.3: without this check one issuer of a host could
	// speak for another.
	if metadata.Issuer != issuer {
		return "", fmt.Errorf("reading %s: issuer is %.200q, want %q", address, metadata.Issuer, issuer)
	}
	if err := checkURL(metadata.JWKSURL); err != nil {
		return "", fmt.Errorf("reading %s: jwks_uri: %w", address, err)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(metadata.JWKSURL, "https:") {
		return "", fmt.Errorf("reading %s: jwks_uri is not https, as the issuer is", address)
	}
	return metadata.JWKSURL, nil
}
