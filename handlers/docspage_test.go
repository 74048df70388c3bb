package handlers_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestTheDocsPageLoadsOnlyWhatIsPackaged(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.DocsNote = "Try <b>johndoe</b> & co" })
	page := s.ask("GET", "/docs", "")
	wantHeader(t, page, "Content-Type", "text/html; charset=utf-8")
	policy := page.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("Content-Security-Policy: got %q, want %s in it", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy: got %q, want nothing unsafe in it", policy)
	}
	if body := page.Body.String(); !strings.Contains(body, "Try &lt;b&gt;johndoe&lt;/b&gt; &amp; co") {
		t.Errorf("the note is not there as plain text:\n%s", body)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(links) < 8 {
		t.Fatalf("got %d links, want those of the page", len(links))
	}
	for _, link := range links {
		if strings.Contains(link[1], ":") || strings.HasPrefix(link[1], "/") {
			t.Errorf("%s: want an address relative to the page", link[1])
			continue
		}
		if w := s.ask("GET", "/"+link[1], ""); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: got %d with %d bytes, want 200", link[1], w.Code, w.Body.Len())
		}
	}
}

func TestPackedAssetsAreUnpackedForThoseWhoCannot(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const path = "/docs/swagger-ui.css"
	plain := s.ask("GET", path, "")
	wantHeader(t, plain, "Content-Encoding", "")
	wantHeader(t, plain, "Vary", "Accept-Encoding")
	wantHeader(t, plain, "Content-Type", "text/css; charset=utf-8")
	for _, accept := range []string{"gzip", "br, gzip;q=0.5", "GZIP"} {
		packed := s.ask("GET", path, "", "Accept-Encoding: "+accept)
		wantHeader(t, packed, "Content-Encoding", "gzip")
		r, err := gzip.NewReader(packed.Body)
		check(t, err)
		body, err := io.ReadAll(r)
		check(t, err)
		if string(body) != plain.Body.String() {
			t.Errorf("%s: the packed asset is another", accept)
		}
		if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Error("both forms have one ETag: a cache would mistake them")
		}
	}
	for _, accept := range []string{"br", "gzip;q=0", "gzip; q=0.0", "*;q=0", "identity"} {
		wantHeader(t, s.ask("GET", path, "", "Accept-Encoding: "+accept), "Content-Encoding", "")
	}
}
