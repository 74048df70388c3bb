package handlers

import "net/http"

// introspect answers POST /introspect (RFC 7662, section 2).
func (s *server) introspect(w http.ResponseWriter, r *http.Request) error {
	req, err := readRequest(w, r)
	if err != nil {
		return err
	}
	i, err := s.Provider.Introspect(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, i)
}
