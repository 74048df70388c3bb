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
	header      []standing
}

// newDocument returns the document with that body.
func newDocument(contentType string, body []byte, caching string) document {
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return newTagged(contentType, body, etag, caching)
}

// newTagged returns the document with that entity tag.
func newTagged(contentType string, body []byte, etag, caching string) document {
	return document{body, contentType, etag, caching, []standing{
		{"Cache-Control", []string{caching}},
		{"Etag", []string{etag}},
	}}
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
	stand(h, d.header)
	delete(h, "Pragma")
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
	if len(ifNoneMatch) == 0 {
		return false
	}
	for tag := range strings.SplitSeq(strings.Join(ifNoneMatch, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}
