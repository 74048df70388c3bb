package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// dispatch hands each request to its route, in the first router that has one for it,
// and leaves the template of that in r.Pattern for the log line. It asks the router
// for the match instead of letting it serve, because a 405 must name the methods that
// would do (RFC 9110, section 15.5.6), and because no handler here needs the two
// copies of the request that carry a router's variables.
func (s *server) dispatch(routers ...*mux.Router) http.Handler {
	literal := literalRoutes(routers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, found := literal[place{r.Method, r.URL.Path}]; found && r.URL.RawPath == "" {
			r.Pattern = r.URL.Path
			h.ServeHTTP(w, r)
			return
		}
		for _, routes := range routers {
			var match mux.RouteMatch
			switch {
			case routes.Match(r, &match):
				r.Pattern = routeTemplate(match.Route)
				if err := setNames(r, match.Vars); err != nil {
					s.fail(w, r, err)
					return
				}
				match.Handler.ServeHTTP(w, r)
				return
			case errors.Is(match.MatchErr, mux.ErrMethodMismatch):
				route, methods := mismatched(routes, r)
				r.Pattern = route
				w.Header().Set("Allow", strings.Join(methods, ", "))
				s.fail(w, r, errMethod)
				return
			}
		}
		s.fail(w, r, errNoRoute)
	})
}

// place is what a request asks for.
type place struct{ method, path string }

// literalRoutes are the handlers of the routes with no name in their path. The routers
// would try one pattern after the other.
func literalRoutes(routers []*mux.Router) map[place]http.Handler {
	found := make(map[place]http.Handler)
	for _, routes := range routers {
		// The walk ends with the routes; visit itself never fails.
		_ = routes.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
			pattern, _ := route.GetPathRegexp() // none where there is no path
			methods, _ := route.GetMethods()    // none where all will do
			path := routeTemplate(route)
			if pattern != "^"+regexp.QuoteMeta(path)+"$" {
				return nil // a name in it, or a prefix
			}
			for _, method := range methods {
				if at := (place{method, path}); found[at] == nil {
					found[at] = route.GetHandler()
				}
			}
			return nil
		})
	}
	return found
}

// setNames gives r what stands in the path for the names in a template. All templates
// with names are matched with the path as it was sent.
func setNames(r *http.Request, names map[string]string) error {
	for name, sent := range names {
		value, err := url.PathUnescape(sent)
		if err != nil {
			return errNoRoute
		}
		r.SetPathValue(name, value)
	}
	return nil
}

// mismatched returns the template and all methods of the routes that fit r but
// for its method.
func mismatched(routes *mux.Router, r *http.Request) (path string, methods []string) {
	// The walk ends with the routes; visit itself never fails.
	_ = routes.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		var match mux.RouteMatch
		if !route.Match(r, &match) && errors.Is(match.MatchErr, mux.ErrMethodMismatch) {
			path = routeTemplate(route)
			of, err := route.GetMethods()
			methods = append(methods, of...)
			return err
		}
		return nil
	})
	slices.Sort(methods)
	return path, slices.Compact(methods)
}

// routeTemplate returns the path a route was made with, such as /users/me.
func routeTemplate(route *mux.Route) string {
	path, err := route.GetPathTemplate()
	if err != nil {
		return "" // only a route without a path, and there is none
	}
	return path
}
