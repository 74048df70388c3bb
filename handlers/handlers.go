package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"sync/atomic"

	"github.com/gorilla/mux"

	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/resource"
)

// Config is what the handlers stand on. Provider, Issuer and Log are required.
type Config struct {
	// Provider answers every question that is not about HTTP.
	Provider *provider.Provider

	// Issuer is the provider's issuer identifier (RFC 8414, section 2), the URL
	// clients reach this server by. Where it has a path, a proxy in front strips
	// that.
	Issuer string

	// DefaultAudience is what a token must be meant for to be accepted by the
	// resources here. Empty means the issuer.
	DefaultAudience string

	// CORSOrigins are the origins whose pages may call, such as
	// https://app.example.com, or "*" for all. None turns CORS off.
	CORSOrigins []string

	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix

	// Ready says why the server can't do its work now, or nil; it is asked by
	// GET /readyz. Nil means Provider.Ready.
	Ready func(context.Context) error

	// Hashing reads the figures of the password hashing pool, for the metrics. Nil
	// leaves them out.
	Hashing func() credentials.PoolStats

	// Administration is what operators may do with an access token that has the scope
	// for it. Without any there is nothing beneath /admin/.
	Administration []adminapi.Route

	// DocsNote is shown on top of the page at /docs, as plain text; empty for none.
	DocsNote string

	// Version is told in the metric usher_build_info.
	Version string

	Log *slog.Logger

	// Trace traces the requests to a handler. Nil traces none.
	Trace func(http.Handler) http.Handler

	// Audit is written a record for each event. Nil writes none.
	Audit *audit.Log
}

// Handlers are the two faces of the server. They share metrics, and nothing of
// Admin is reachable through Public.
type Handlers struct {
	Public http.Handler // for everyone
	Admin  http.Handler // for operators: metrics, health and profiles
}

// server is the state that requests share. But for counts and the key set it does not
// change after New.
type server struct {
	Config
	guard     *resource.Resource // of the bearer resources
	gate      gate               // of what lies beneath /admin/
	metrics   *metrics
	admission *admission
	header    []standing          // on every answer
	challenge string              // WWW-Authenticate of the guard
	metadata  map[string]document // by path
	openAPI   openAPI
	keySet    atomic.Pointer[keySet]
	docs      http.Handler
}

// New returns the handlers for c. It fails where the issuer, or an origin for
// CORS, can't be what it is meant to be.
func New(c Config) (*Handlers, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	public, err := allowOrigins(s.CORSOrigins, s.dispatch(s.publicRoutes(), s.administration()))
	if err != nil {
		return nil, err
	}
	if s.Trace != nil {
		public = s.Trace(public)
	}
	return &Handlers{Public: s.observe(public), Admin: s.observe(s.dispatch(s.adminRoutes()))}, nil
}

func newServer(c Config) (*server, error) {
	issuer, err := parseIssuer(c.Issuer)
	if err != nil {
		return nil, err
	}
	if c.DefaultAudience == "" {
		c.DefaultAudience = c.Issuer
	}
	metadata, err := describe(c.Issuer, c.DefaultAudience)
	if err != nil {
		return nil, err
	}
	page, err := newDocsPage(c.DocsNote)
	if err != nil {
		return nil, err
	}
	metadataURL := endpoint(c.Issuer, protectedResourcePath)
	if c.Ready == nil {
		c.Ready = c.Provider.Ready
	}
	metrics := newMetrics(c.Version, c.Hashing, c.Provider.Figures)
	guard, err := newGuard(c, metadataURL, metrics)
	if err != nil {
		return nil, fmt.Errorf("guarding the resources: %w", err)
	}
	gate, err := newGate(c, metadataURL, metrics)
	if err != nil {
		return nil, fmt.Errorf("guarding the administration: %w", err)
	}
	return &server{
		Config:    c,
		guard:     guard,
		gate:      gate,
		metrics:   metrics,
		admission: newAdmission(metrics),
		header:    standingHeader(issuer.Scheme == "https"),
		challenge: fmt.Sprintf("Bearer realm=%q, resource_metadata=%q", realm, metadataURL),
		metadata:  metadata,
		openAPI:   newOpenAPI(c.Issuer),
		docs:      page,
	}, nil
}

// publicRoutes is all that everyone can reach. The busiest come first, because
// the router tries them in this order.
func (s *server) publicRoutes() *mux.Router {
	const post, put = http.MethodPost, http.MethodPut
	read := []string{http.MethodGet, http.MethodHead}
	checks := &s.admission.checks

	r := mux.NewRouter().SkipClean(true) // or //token would be redirected, as a GET, to /token
	r.Handle("/token", s.try(s.token)).Methods(post)
	r.Handle("/introspect", s.try(s.introspect)).Methods(post)
	r.Handle("/users/me", s.admit(checks, s.bearer(s.me, "profile"))).Methods(read...)
	r.Handle("/users/me/password", s.bearer(s.changePassword, "profile")).Methods(put)
	r.Handle("/verify", s.admit(checks, s.try(s.verify))).Methods(read...)
	r.Handle("/protected", s.admit(checks, s.bearer(s.protected))).Methods(read...)
	r.Handle("/revoke", s.try(s.revoke)).Methods(post)
	r.Handle(jwksPath, s.admit(checks, s.try(s.jwks))).Methods(read...)
	for path, document := range s.metadata {
		r.Handle(path, document).Methods(read...)
	}
	r.Handle(openAPIJSONPath, s.try(s.openAPIJSON)).Methods(read...)
	r.Handle(openAPIYAMLPath, s.openAPI.yaml).Methods(read...)
	r.Handle(docsPath, s.docs).Methods(read...)
	for path, asset := range s.docsAssets() {
		r.Handle(path, asset).Methods(read...)
	}
	r.Handle("/healthz", s.try(s.healthz)).Methods(read...)
	r.Handle("/readyz", s.try(s.readyz)).Methods(read...)
	return r
}

// adminRoutes is all that operators can reach. (That importing net/http/pprof
// also adds to http.DefaultServeMux is of no account: nothing here serves it.)
func (s *server) adminRoutes() *mux.Router {
	read := []string{http.MethodGet, http.MethodHead}

	r := mux.NewRouter().SkipClean(true)
	r.Handle("/metrics", s.exposition()).Methods(read...)
	r.Handle("/healthz", s.try(s.healthz)).Methods(read...)
	r.Handle("/readyz", s.try(s.readyz)).Methods(read...)
	r.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline).Methods(read...)
	r.HandleFunc("/debug/pprof/profile", pprof.Profile).Methods(read...)
	r.HandleFunc("/debug/pprof/symbol", pprof.Symbol).Methods(http.MethodGet, http.MethodHead, http.MethodPost)
	r.HandleFunc("/debug/pprof/trace", pprof.Trace).Methods(read...)
	r.PathPrefix("/debug/pprof/").HandlerFunc(pprof.Index).Methods(read...)
	return r
}
