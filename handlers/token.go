package handlers

import (
	"net/http"

	"github.com/usher-oauth/usher/provider"
)

// token answers POST /token (RFC 6749, section 3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	req, err := s.readRequest(w, r)
	if err != nil {
		return err
	}
	class := &s.admission.tokens
	if req.ByPassword() {
		class = &s.admission.passwords
	}
	if err := class.enter(); err != nil {
		return err
	}
	defer class.leave()
	t, err := s.Provider.Token(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, t)
}

// readRequest reads a form, the client that sent it and the address it came from,
// as the three endpoints for clients take them.
func (s *server) readRequest(w http.ResponseWriter, r *http.Request) (*provider.Request, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	req, err := provider.ReadRequest(r, body)
	if err != nil {
		return nil, err
	}
	req.From = s.client(r)
	return req, nil
}
