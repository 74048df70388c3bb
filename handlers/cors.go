package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// corsMaxAge is how long browsers keep the answer to a preflight, in seconds.
// Chromium caps it at two hours; an origin taken off the list stays known to a
// browser that long, but gets no readable answers any more.
const corsMaxAge = 2 * 60 * 60

// routePreflight stands for the route of a preflight in log and metrics.
const routePreflight = "preflight"

// allowOrigins lets pages of the origins read what next answers, errors
// included, and answers their preflights. Cookies and the like play no part
// here, so credentials are never allowed, and "*" is harmless.
func allowOrigins(origins []string, next http.Handler) (http.Handler, error) {
	if len(origins) == 0 {
		return next, nil
	}
	for _, o := range origins {
		if !IsOrigin(o) {
			return nil, fmt.Errorf(`CORS origin %q is neither "*" nor of the form https://host or https://host:port`, o)
		}
	}
	c := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "X-Requested-With"},
		// As one text, which package cors leaves as it is: people who look for
		// WWW-Authenticate don't look for Www-Authenticate.
		ExposedHeaders: []string{"WWW-Authenticate, Retry-After, " + requestIDHeader},
		MaxAge:         corsMaxAge,
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			r.Pattern = routePreflight
			sortRequestHeaders(r.Header)
		}
		c.ServeHTTP(w, r)
	}), nil
}

// sortRequestHeaders brings the names a preflight asks for into the one form
// that package cors takes: lower case and sorted, as browsers send them. People
// who try a preflight by hand don't.
func sortRequestHeaders(h http.Header) {
	const asked = "Access-Control-Request-Headers"
	if len(h[asked]) == 0 {
		return
	}
	names := strings.Split(strings.ToLower(strings.Join(h[asked], ",")), ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	slices.Sort(names)
	h.Set(asked, strings.Join(slices.Compact(names), ","))
}

// IsOrigin reports whether browsers could send o as an Origin (RFC 6454,
// section 6.2), or o stands for all. A slash at the end is the usual mistake,
// and would never match. A pattern, which package cors would take, is refused:
// what it lets in is easily more than was meant.
func IsOrigin(o string) bool {
	if o == "*" {
		return true
	}
	u, err := url.Parse(o)
	return err == nil && u.Scheme != "" && u.Host != "" && o == u.Scheme+"://"+u.Host && !strings.Contains(o, "*")
}
