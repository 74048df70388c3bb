package handlers

import (
	"net/http"

	"github.com/usher-oauth/usher/provider"
)

// token answers POST /token (RFC 6749, section 3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	req, err := readRequest(w, r)
	if err != nil {
		return err
	}
	t, err := s.Provider.Token(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, t)
}

// readRequest reads a form and the client that sent it, as the three endpoints
// for clients take them.
func readRequest(w http.ResponseWriter, r *http.Request) (*provider.Request, error) {
	if _, err := readBody(w, r); err != nil {
		return nil, err
	}
	return provider.ReadRequest(r)
}
