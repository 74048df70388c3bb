package accesstoken

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/usher-oauth/usher/internal/recent"
)

var (
	// ErrInvalid is wrapped by every error of Parse and Validate.
	ErrInvalid = errors.New("invalid access token")
	// ErrExpired says that a token is valid but for its age.
	ErrExpired = fmt.Errorf("%w: it has expired", ErrInvalid)
)

const (
	// leeway is how far ahead an iat may lie, in seconds, for the clock of the
	// node that signed may be ahead of this one.
	leeway = 30
	// maxTime is the end of the year 9999. Past it a time is a mistake or an
	// attempt to overflow one.
	maxTime = 253402300799
)

// Parse reads the payload of a verified access token. All claims that RFC 9068,
// section 2.2, requires must be there, of the right type and not empty. A name
// counts in its exact case; a name that repeats is an error, because another
// reader might see the other value. Claims it does not know are passed over.
func Parse(payload []byte) (Claims, error) {
	if !utf8.Valid(payload) {
		return Claims{}, fmt.Errorf("%w: claims are not UTF-8", ErrInvalid)
	}
	var c struct {
		Claims
		Audience audience `json:"aud"` // hides the one of Claims
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		// The cause is left out: it may repeat parts of the token.
		return Claims{}, fmt.Errorf("%w: claims are not the JSON object of RFC 9068", ErrInvalid)
	}
	c.Claims.Audience = c.Audience
	if err := c.check(); err != nil {
		return Claims{}, err
	}
	return c.Claims, nil
}

// Reader is Parse for those who see the same tokens again: reading JSON takes longer
// than all else that a token which was verified before costs. The zero value is ready;
// it is safe for concurrent use.
type Reader struct {
	read recent.Map[string, Claims] // by payload
}

// Parse is as the function Parse.
func (r *Reader) Parse(payload []byte) (Claims, error) {
	c, known := r.read.Get(string(payload))
	if !known {
		var err error
		if c, err = Parse(payload); err != nil {
			return Claims{}, err
		}
		r.read.Put(string(payload), c)
	}
	c.Audience = slices.Clone(c.Audience) // the caller's own
	return c, nil
}

// Validate checks what depends on the reader: that the token is of the issuer,
// to the letter, that it expires after now, without leeway, and that it was not
// issued more than 30 seconds ahead of now. The audience is the caller's to
// check, with HasAudience.
func (c Claims) Validate(issuer string, now time.Time) error {
	switch seconds := now.Unix(); {
	case c.Issuer != issuer:
		return fmt.Errorf("%w: it is of another issuer", ErrInvalid)
	case c.IssuedAt > seconds+leeway:
		return fmt.Errorf("%w: it was issued in the future", ErrInvalid)
	case c.Expiry <= seconds:
		return ErrExpired
	}
	return nil
}

// check returns an error unless the required claims are there and make sense.
func (c Claims) check() error {
	for _, claim := range [...]struct {
		name string
		ok   bool
	}{
		{"iss", c.Issuer != ""},
		{"sub", c.Subject != ""},
		{"aud", len(c.Audience) > 0 && !slices.Contains(c.Audience, "")},
		{"exp", 0 < c.Expiry && c.Expiry <= maxTime},
		{"iat", 0 < c.IssuedAt && c.IssuedAt <= maxTime},
		{"jti", c.ID != ""},
		{"client_id", c.ClientID != ""},
		{"auth_time", 0 <= c.AuthTime && c.AuthTime <= maxTime},
	} {
		if !claim.ok {
			return fmt.Errorf("%w: claim %s is missing or out of range", ErrInvalid, claim.name)
		}
	}
	return nil
}

// audience is one name or a list of names (RFC 7519, section 4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var one string
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}
