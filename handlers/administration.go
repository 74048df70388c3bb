package handlers

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/resource"
)

// errNotAdmin answers a token without the scope, and one whose client or user may not
// have it any more.
var errNotAdmin = &provider.Problem{
	Status: http.StatusForbidden, Code: "insufficient_scope",
	Description: "The access token lacks the scope usher:admin, or its client or user may not have that any more.",
}

// gate lets only good tokens through to the administration. What it wants is not what
// the guard wants: the token must be meant for this server, whatever the default
// audience is. A token for other APIs is seen by those APIs.
type gate struct {
	guard     *resource.Resource
	challenge string // WWW-Authenticate for a scope that is not there
}

func newGate(c Config, metadataURL string, m *metrics) (gate, error) {
	c.DefaultAudience, metadataURL = c.Issuer, metadataFor(c, metadataURL)
	guard, err := newGuard(c, metadataURL, m)
	challenge := fmt.Sprintf("Bearer realm=%q, error=%q, error_description=%q, scope=%q", realm, errNotAdmin.Code, errNotAdmin.Description, accesstoken.AdminScope)
	if metadataURL != "" {
		challenge += fmt.Sprintf(", resource_metadata=%q", metadataURL)
	}
	return gate{guard, challenge}, err
}

// metadataFor is the URL of the resource metadata (RFC 9728) where that is about
// tokens for the issuer.
func metadataFor(c Config, metadataURL string) string {
	if c.DefaultAudience != c.Issuer {
		return ""
	}
	return metadataURL
}

// administration is all that lies beneath /admin/ for who may administer. Paths are
// matched as they were sent, for a user name may hold what else would be a border of a
// path.
func (s *server) administration() *mux.Router {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, route := range s.Administration {
		methods := []string{route.Method}
		if route.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		r.Handle(route.Path, s.administered(route)).Methods(methods...)
	}
	return r
}

// administered is a route behind the gate.
func (s *server) administered(route adminapi.Route) http.Handler {
	behind := s.gate.guard.Require(s.try(func(w http.ResponseWriter, r *http.Request) error {
		claims, _ := resource.FromContext(r.Context()) // Require put them there
		return s.serveAdmin(w, r, route, claims)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := audit.Of(r.Context())
		record.Event = route.Event
		if route.Body {
			// Before the token is checked: whoever loses it while the body trickles in
			// must not get the change through.
			body, err := readBody(w, r)
			if err != nil {
				s.fail(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		behind.ServeHTTP(w, r)
		if record.Outcome == "" && record.Event != "" { // the guard answered
			record.Outcome = audit.Refused
			if record.Reason == "" {
				record.Reason = "no access token, or one that is no good"
			}
		}
	})
}

func (s *server) serveAdmin(w http.ResponseWriter, r *http.Request, route adminapi.Route, claims resource.Claims) error {
	record := audit.Of(r.Context())
	who, may, err := s.Provider.Administrator(r.Context(), claims)
	record.Actor = fmt.Sprintf("%s, token %s", who, claims.ID)
	if err != nil {
		return err
	}
	if len(claims.Audience) != 1 { // others see it too
		s.gate.guard.RefuseToken(w, r)
		return nil
	}
	if !may || !slices.Contains(claims.Scopes(), accesstoken.AdminScope) {
		w.Header().Set("WWW-Authenticate", s.gate.challenge)
		return errNotAdmin
	}
	class := &s.admission.checks
	if route.Hashes {
		class = &s.admission.passwords
	}
	if err := class.enter(); err != nil {
		return err
	}
	defer class.leave()
	answer, err := route.Serve(r)
	record.Event = route.Event // the end of a token is one of its own elsewhere
	if err != nil {
		return err
	}
	record.Outcome = audit.OK
	if answer.Location != "" {
		w.Header().Set("Location", endpoint(s.Issuer, answer.Location))
	}
	if answer.Body == nil {
		w.WriteHeader(answer.Status)
		return nil
	}
	return writeJSON(w, answer.Status, answer.Body)
}

// refuse answers with the words that package admin has for an operator. They are not
// cut down to the characters of RFC 6749: they name users as these are written, and
// reach a terminal by way of the command line.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, refusal *adminapi.Refusal) {
	told(audit.Of(r.Context()), &provider.Problem{Status: refusal.Status, Code: refusal.Code, Description: refusal.Text})
	s.metrics.refused.WithLabelValues(refusal.Code).Inc()
	retryAfter(w, refusal.RetryAfter)
	writeError(w, refusal.Status, refusal.Code, refusal.Text)
}
