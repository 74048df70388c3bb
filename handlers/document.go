package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// document is something that clients may keep. It is its own handler.
type document struct {
	body        []byte
	contentType string
	etag        string // quoted, as RFC 9110, section 8.8.3 wants it
	caching     string // Cache-Control
}

// newDocument returns the document with that body.
func newDocument(contentType string, body []byte, caching string) document {
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return document{body: body, contentType: contentType, etag: etag, caching: caching}
}

// newJSON encodes v once, for all requests.
func newJSON(v any, caching string) (document, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return document{}, fmt.Errorf("encoding metadata: %w", err)
	}
	return newDocument(contentJSON, body, caching), nil
}

// ServeHTTP answers 304 to a client that has the document already.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", d.caching)
	h.Set("ETag", d.etag)
	h.Del("Pragma")
	if matches(r.Header.Values("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeAs(w, d.contentType, http.StatusOK, d.body)
}

// matches reports whether If-None-Match names etag: by a star, or in lists of
// tags that are compared weakly (RFC 9110, section 13.1.2). To split at commas
// is enough, although tags may contain them: none can contain quotes, and so
// none of the pieces can be mistaken for etag.
func matches(ifNoneMatch []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(ifNoneMatch, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}
