package handlers

import (
	"net/http"

	"github.com/usher-oauth/usher/resource"
)

// me answers GET /users/me.
func (s *server) me(w http.ResponseWriter, r *http.Request, c resource.Claims) error {
	profile, err := s.Provider.Profile(r.Context(), c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, profile)
}

// protected answers GET /protected, which is there to be tried.
func (s *server) protected(w http.ResponseWriter, _ *http.Request, _ resource.Claims) error {
	return writeJSON(w, http.StatusOK, struct {
		Message string `json:"message"`
	}{"Hello, authenticated user!"})
}
