package diagnose

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// examineCORS asks what a browser asks before a page of the origin may log in, and
// looks whether the page could read the error.
func (e *examination) examineCORS(ctx context.Context, address string) {
	if !e.examinePreflight(ctx, address) {
		return
	}
	const check = "cors errors"
	a, err := e.web.post(ctx, address, "", "Origin", e.Origin)
	if err != nil {
		s := explain(err, address, e.Now())
		e.fail(check, s.found, s.fix)
		return
	}
	if found, fix := e.shut(a); found != "" {
		e.fail(check, "pages can't read errors: "+found, fix)
		return
	}
	e.ok(check, "pages of %s can read errors", plain(e.Origin))
}

// examinePreflight reports whether a page may send what a login takes.
func (e *examination) examinePreflight(ctx context.Context, address string) bool {
	const check = "cors preflight"
	a, err := e.web.ask(ctx, http.MethodOptions, address, "",
		"Origin", e.Origin, "Access-Control-Request-Method", http.MethodPost, "Access-Control-Request-Headers", "authorization,content-type")
	if err != nil {
		s := explain(err, address, e.Now())
		e.fail(check, s.found, s.fix)
		return false
	}
	// Browsers take any 2xx (Fetch, section 4.8).
	if a.status < 200 || a.status > 299 {
		e.fail(check, fmt.Sprintf("OPTIONS %s answers %s", plain(address), a.says()), e.openFix())
		return false
	}
	if found, fix := e.shut(a); found != "" {
		e.fail(check, found, fix)
		return false
	}
	allowed := words(a.header.Values("Access-Control-Allow-Headers"))
	for _, name := range []string{"authorization", "content-type"} {
		// A star stands for all names but authorization (Fetch, section 3.3.3).
		if !slices.Contains(allowed, name) && (name == "authorization" || !slices.Contains(allowed, "*")) {
			e.fail(check, fmt.Sprintf("pages may not send the header %s", name), "let the proxy hand on OPTIONS and its answer as it is, instead of answering by itself")
			return false
		}
	}
	e.ok(check, "pages of %s may call", plain(e.Origin))
	return true
}

// shut says what keeps a page of the origin from reading an answer, if anything.
func (e *examination) shut(a answer) (found, fix string) {
	origins := a.header.Values("Access-Control-Allow-Origin")
	switch {
	case len(origins) == 0:
		return fmt.Sprintf("pages of %s are not allowed", plain(e.Origin)), e.openFix()
	case len(origins) > 1:
		return fmt.Sprintf("Access-Control-Allow-Origin is there %d times, so browsers refuse", len(origins)), "the server and the proxy both add it: leave it to --cors-origins, and take it out of the proxy"
	case origins[0] != "*" && origins[0] != e.Origin:
		return fmt.Sprintf("%s is allowed, %s is not", quoted(origins[0]), plain(e.Origin)), e.openFix()
	}
	return "", ""
}

func (e *examination) openFix() string {
	return fmt.Sprintf("start usher with --cors-origins %s, and let the proxy hand on OPTIONS", plain(e.Origin))
}

// words reads a list of names in a header, in small letters.
func words(values []string) []string {
	var list []string
	for _, name := range strings.Split(strings.ToLower(strings.Join(values, ",")), ",") {
		list = append(list, strings.TrimSpace(name))
	}
	return list
}
