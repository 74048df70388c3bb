package handlers_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/internal/openapitest"
)

// The document has every route and no other. That its answers are the real ones is
// checked with each request of the tests.
func TestTheOpenAPIDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	doc, err := openapitest.Load()
	check(t, err)
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	served, err := handlers.PublicRoutes(newServer(t).config)
	check(t, err)
	served = slices.DeleteFunc(served, func(route string) bool {
		// HEAD goes with GET, and the page's parts go with the page.
		return strings.HasPrefix(route, "HEAD ") || strings.HasPrefix(route, "GET /docs/")
	})
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(described, slices.Compact(served)); diff != "" {
		t.Errorf("routes (-described +served):\n%s", diff)
	}
}

func TestTheOpenAPIDocumentIsServedInBothSpellings(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *settings) { c.Issuer = issuer + "/auth" })
	inYAML := s.ask("GET", "/openapi.yaml", "")
	wantHeader(t, inYAML, "Content-Type", "application/yaml")
	wantHeader(t, inYAML, "Cache-Control", "public, max-age=3600")
	inJSON := s.ask("GET", "/openapi.json", "")
	wantHeader(t, inJSON, "Content-Type", "application/json")

	var a, b any
	check(t, yaml.Unmarshal(inYAML.Body.Bytes(), &a))
	check(t, json.Unmarshal(inJSON.Body.Bytes(), &b))
	again, err := json.Marshal(a) // numbers of one type
	check(t, err)
	check(t, json.Unmarshal(again, &a))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the spellings differ (-YAML +JSON):\n%s", diff)
	}
	if text := inJSON.Body.String(); strings.Contains(text, "127.0.0.1:8000") ||
		!strings.Contains(text, `"tokenUrl":"https://auth.example.com/auth/token"`) ||
		!strings.Contains(text, `"servers":[{"url":"https://auth.example.com/auth"`) {
		t.Errorf("the document is not this issuer's:\n%.2000s", text)
	}
	if got := s.ask("GET", "/openapi.json", "", "If-None-Match: "+inJSON.Header().Get("ETag")); got.Code != 304 {
		t.Errorf("with its ETag: got %d, want 304", got.Code)
	}
	if before, after, _ := strings.Cut(inJSON.Body.String(), `"/introspect"`); !strings.Contains(before, `"/token"`) || !strings.Contains(after, `"/revoke"`) {
		t.Error("the paths are not in the order of the document")
	}
}
