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
	last := s.keySet.Load()
	if last == nil || last.etag != d.ETag || last.maxAge != d.MaxAge {
		caching := fmt.Sprintf("public, max-age=%d", d.MaxAge/time.Second)
		last = &keySet{newTagged(contentJSON, d.JSON, d.ETag, caching), d.MaxAge}
		s.keySet.Store(last)
	}
	last.ServeHTTP(w, r)
	return nil
}

// keySet is the key set as it was last published.
type keySet struct {
	document
	maxAge time.Duration
}
