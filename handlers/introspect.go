package handlers

import "net/http"

// contentSignedIntrospection is the media type of RFC 9701, section 5.
const contentSignedIntrospection = "application/token-introspection+jwt"

// introspect answers POST /introspect (RFC 7662, section 2), with a JWT where the
// caller rather has one (RFC 9701, section 4).
func (s *server) introspect(w http.ResponseWriter, r *http.Request) error {
	req, err := s.readRequest(w, r)
	if err != nil {
		return err
	}
	if err := s.admission.checks.enter(); err != nil {
		return err
	}
	defer s.admission.checks.leave()
	if wantsSigned(r.Header.Values("Accept")) {
		token, err := s.Provider.SignedIntrospection(r.Context(), req)
		if err != nil {
			return err
		}
		writeAs(w, contentSignedIntrospection, http.StatusOK, []byte(token))
		return nil
	}
	i, err := s.Provider.Introspect(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, i)
}

// wantsSigned reports whether Accept names the signed form, and prefers it to JSON
// if it names both (RFC 9110, section 12.5.1). A range such as */* is content with
// JSON, which is what every caller of RFC 7662 understands.
func wantsSigned(accept []string) bool {
	if len(accept) == 0 {
		return false
	}
	w := weights(accept)
	return w[contentSignedIntrospection] > 0 && w[contentSignedIntrospection] >= w[contentJSON]
}
