package adminapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// The codes of refusals.
const (
	CodeInvalid  = "invalid_request" // what was sent breaks a rule, or can't be understood
	CodeNotFound = "does_not_exist"  // there is no user, client, key or session of that name; an unknown path is not_found
	CodeExists   = "already_exists"  // the name is taken
	CodeConflict = "conflict"        // not as things are now
	CodeBusy     = "temporarily_unavailable"
)

// Refusal is an error that whoever asked may know, word by word.
type Refusal struct {
	Status     int
	Code       string
	Text       string
	RetryAfter time.Duration // where it is not zero, when to try again
}

func (r *Refusal) Error() string { return r.Text }

// invalid refuses a request that can't be understood.
func invalid(format string, args ...any) error {
	return &Refusal{Status: http.StatusBadRequest, Code: CodeInvalid, Text: fmt.Sprintf(format, args...)}
}

// refusals say how the errors of package admin are answered. The text of any other
// is for the log alone.
var refusals = []struct {
	err    error
	status int
	code   string
}{
	{storage.ErrNotFound, http.StatusNotFound, CodeNotFound},
	{keys.ErrUnknownKey, http.StatusNotFound, CodeNotFound},
	{storage.ErrExists, http.StatusConflict, CodeExists},
	{storage.ErrConflict, http.StatusConflict, CodeConflict},
	{keys.ErrAnnounced, http.StatusConflict, CodeConflict},
	{keys.ErrSigning, http.StatusConflict, CodeConflict},
	{keys.ErrNoKey, http.StatusConflict, CodeConflict},
	{admin.ErrRefused, http.StatusBadRequest, CodeInvalid},
	{scope.ErrMalformed, http.StatusBadRequest, CodeInvalid},
	{credentials.ErrUsername, http.StatusBadRequest, CodeInvalid},
	{credentials.ErrPassword, http.StatusBadRequest, CodeInvalid},
	{credentials.ErrSecret, http.StatusBadRequest, CodeInvalid},
	{credentials.ErrClientID, http.StatusBadRequest, CodeInvalid},
}

// refusalOf turns an error of package admin into a refusal, and leaves others as
// they are.
func (a *api) refusalOf(err error) error {
	if errors.Is(err, credentials.ErrBusy) {
		return &Refusal{
			Status: http.StatusServiceUnavailable, Code: CodeBusy, RetryAfter: a.Users.Pool.RetryAfter(),
			Text: "more passwords are waiting than can be hashed in time: try again in a moment",
		}
	}
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			return &Refusal{Status: known.status, Code: known.code, Text: err.Error()}
		}
	}
	return err
}
