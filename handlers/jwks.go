package handlers

import (
	"fmt"
	"net/http"
	"time"
)

// jwks answers GET /.well-known/jwks.json (RFC 7517, section 5). It is served
// as application/json, not application/jwk-set+json, because libraries that
// fetch key sets accept the former without exception.
func (s *server) jwks(w http.ResponseWriter, r *http.Request) error {
	d, err := s.Provider.Document(r.Context())
	if err != nil {
		return fmt.Errorf("publishing keys: %w", err)
	}
	caching := fmt.Sprintf("public, max-age=%d", d.MaxAge/time.Second)
	document{body: d.JSON, contentType: contentJSON, etag: d.ETag, caching: caching}.ServeHTTP(w, r)
	return nil
}
