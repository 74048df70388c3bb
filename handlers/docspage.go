package handlers

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/swaggest/swgui/v5/static"
)

// docsPolicy lets the page run its own scripts, load its own styles and ask its
// own server, and nothing else; nobody may frame it.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docspage
var docsFiles embed.FS

// newDocsPage returns the page at /docs, Swagger UI with a note on top.
func newDocsPage(note string) (http.Handler, error) {
	page, err := template.ParseFS(docsFiles, "docspage/index.html")
	if err != nil {
		return nil, fmt.Errorf("reading the page at %s: %w", docsPath, err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, note); err != nil {
		return nil, fmt.Errorf("writing the page at %s: %w", docsPath, err)
	}
	d := newDocument("text/html; charset=utf-8", b.Bytes(), metadataCaching)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		d.ServeHTTP(w, r)
	}), nil
}

// docsAssets are what the page at /docs loads, by path.
func (s *server) docsAssets() map[string]http.Handler {
	assets := make(map[string]http.Handler)
	for name, contentType := range map[string]string{
		"usher.css":            "text/css; charset=utf-8",
		"usher.js":             "text/javascript; charset=utf-8",
		"usher.svg":            "image/svg+xml",
		"swagger-ui.css":       "text/css; charset=utf-8",
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
	} {
		assets[path.Join(docsPath, name)] = s.try(func(w http.ResponseWriter, r *http.Request) error {
			return serveAsset(w, r, name, contentType)
		})
	}
	return assets
}

// serveAsset answers with a file of ours, or one of Swagger UI's, which are packed
// with gzip and unpacked only for the rare client that can't do it.
func serveAsset(w http.ResponseWriter, r *http.Request, name, contentType string) error {
	if body, err := docsFiles.ReadFile("docspage/" + name); err == nil {
		newDocument(contentType, body, metadataCaching).ServeHTTP(w, r)
		return nil
	}
	packed, err := static.FS.ReadFile(name + ".gz")
	if err != nil {
		return fmt.Errorf("reading an asset of Swagger UI: %w", err)
	}
	w.Header().Add("Vary", "Accept-Encoding") // CORS may have added Origin
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		w.Header().Set("Content-Encoding", "gzip")
		newDocument(contentType, packed, metadataCaching).ServeHTTP(w, r)
		return nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	body, err := io.ReadAll(unpacked)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	newDocument(contentType, body, metadataCaching).ServeHTTP(w, r)
	return nil
}

// acceptsGzip reports whether Accept-Encoding names gzip without refusing it
// (RFC 9110, section 12.5.3).
func acceptsGzip(accept []string) bool {
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.ReplaceAll(weight, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0" && q != "q=0.00"
		}
	}
	return false
}
