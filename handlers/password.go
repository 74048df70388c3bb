package handlers

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json" // refuses names that repeat, as the form does

	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/resource"
)

var errPasswordType = &provider.Problem{Status: http.StatusUnsupportedMediaType, Code: "invalid_request", Description: "The body must be application/x-www-form-urlencoded or application/json."}

// changePassword answers PUT /users/me/password.
func (s *server) changePassword(w http.ResponseWriter, r *http.Request, c resource.Claims) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	change, err := parsePasswordChange(r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	if err := s.admission.passwords.enter(); err != nil {
		return err
	}
	defer s.admission.passwords.leave()
	if err := s.Provider.ChangePassword(r.Context(), c, change.Current, change.New, s.client(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// passwordChange is the body of PUT /users/me/password.
type passwordChange struct {
	Current string `json:"current_password"`
	New     string `json:"new_password"`
}

// parsePasswordChange reads a body of the given content type. Its errors never
// quote the body.
func parsePasswordChange(contentType string, body []byte) (passwordChange, error) {
	var c passwordChange
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return c, errPasswordType
	}
	switch media {
	case contentJSON:
		// The decoder puts U+FFFD for what is not Unicode, and so would set
		// another password than was sent.
		if !utf8.Valid(body) || json.Unmarshal(body, &c) != nil || strings.ContainsRune(c.Current+c.New, utf8.RuneError) {
			return c, badRequest("The body must be a JSON object with the strings current_password and new_password.")
		}
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return c, badRequest("The body is not a well-formed form.")
		}
		if len(form["current_password"]) > 1 || len(form["new_password"]) > 1 {
			return c, badRequest("current_password and new_password may each stand only once.")
		}
		c.Current, c.New = form.Get("current_password"), form.Get("new_password")
	default:
		return c, errPasswordType
	}
	if c.Current == "" || c.New == "" {
		return c, badRequest("Both current_password and new_password are needed.")
	}
	return c, nil
}
