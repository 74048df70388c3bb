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
	"sync"

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
	const css, script = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
	assets := make(map[string]http.Handler)
	for name, read := range map[string]func() (asset, error){
		"usher.css":            own("usher.css", css),
		"usher.js":             own("usher.js", script),
		"usher.svg":            own("usher.svg", "image/svg+xml"),
		"swagger-ui.css":       packaged("swagger-ui.css", css),
		"swagger-ui-bundle.js": packaged("swagger-ui-bundle.js", script),
	} {
		read := sync.OnceValues(read) // when first asked for: a server starts without it
		assets[path.Join(docsPath, name)] = s.try(func(w http.ResponseWriter, r *http.Request) error {
			a, err := read()
			if err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			return a.serve(w, r)
		})
	}
	return assets
}

// asset is a file that the page loads.
type asset struct {
	document
	packed bool // with gzip
}

// own reads a file of ours.
func own(name, contentType string) func() (asset, error) {
	return func() (asset, error) {
		body, err := docsFiles.ReadFile("docspage/" + name)
		return asset{document: newDocument(contentType, body, metadataCaching)}, err
	}
}

// packaged reads a file of Swagger UI, which come packed.
func packaged(name, contentType string) func() (asset, error) {
	return func() (asset, error) {
		body, err := static.FS.ReadFile(name + ".gz")
		return asset{newDocument(contentType, body, metadataCaching), true}, err
	}
}

// serve answers with the asset, unpacked for the rare client that can't do it.
func (a asset) serve(w http.ResponseWriter, r *http.Request) error {
	d := a.document
	if a.packed {
		w.Header().Add("Vary", "Accept-Encoding") // CORS may have added Origin
		if weights(r.Header.Values("Accept-Encoding"))["gzip"] > 0 {
			w.Header().Set("Content-Encoding", "gzip")
		} else {
			body, err := unpack(d.body)
			if err != nil {
				return fmt.Errorf("unpacking an asset: %w", err)
			}
			d = newDocument(d.contentType, body, d.caching)
		}
	}
	d.ServeHTTP(w, r)
	return nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
