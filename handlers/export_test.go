package handlers

import "github.com/gorilla/mux"

// WriteProblem writes what no request can bring about by itself.
var WriteProblem = writeProblem

// PublicRoutes lists the public routes of a server, as method and path.
func PublicRoutes(c Config) (routes []string, err error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	for _, router := range []*mux.Router{s.publicRoutes(), s.administration()} {
		err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
			methods, err := route.GetMethods()
			for _, method := range methods {
				routes = append(routes, method+" "+routeTemplate(route))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return routes, nil
}
