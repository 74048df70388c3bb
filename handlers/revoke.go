package handlers

import "net/http"

// revoke answers POST /revoke (RFC 7009, section 2): with nothing, whether or
// not there was a token to revoke.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) error {
	req, err := s.readRequest(w, r)
	if err != nil {
		return err
	}
	if err := s.admission.tokens.enter(); err != nil {
		return err
	}
	defer s.admission.tokens.leave()
	if err := s.Provider.Revoke(r.Context(), req); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
