package provider

import (
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// formType is the one media type that OAuth requests have (RFC 6749 §4.3.2).
const formType = "application/x-www-form-urlencoded"

// parameters are the ones this server knows, each with whether it may repeat.
// All of them count at every endpoint: a token in the query string of the wrong
// one has leaked just the same.
var parameters = map[string]bool{
	"grant_type":      false,
	"username":        false,
	"password":        false,
	"scope":           false,
	"refresh_token":   false,
	"client_id":       false,
	"client_secret":   false,
	"token":           false,
	"token_type_hint": false,
	"resource":        true, // RFC 8707 §2
	"audience":        true,
}

// Request is a well-formed request to an OAuth endpoint. It holds secrets: never
// log it.
type Request struct {
	// From is the address of whoever sent it, not that of a proxy; invalid where
	// there is none. Guesses are counted by it.
	From netip.Addr

	form   url.Values // known parameters that have a value
	client clientCredentials
}

// LogValue keeps secrets out of logs.
func (*Request) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// String keeps secrets out of formatted text.
func (*Request) String() string { return "REDACTED" }

// get returns a parameter, empty where it is absent: a parameter without a value
// counts as omitted (RFC 6749 §3.2).
func (r *Request) get(name string) string { return r.form.Get(name) }

// ByPassword reports whether the request asks for tokens by a password.
func (r *Request) ByPassword() bool { return r.get("grant_type") == grantPassword }

// ReadRequest reads an OAuth form request whose body was read: one form in the body,
// each parameter once (RFC 6749 §3.2), none of them in the query, client credentials in
// one way (§2.3). What breaks these rules is a [Problem].
func ReadRequest(r *http.Request, body []byte) (*Request, error) {
	if !isForm(r.Header.Get("Content-Type")) {
		return nil, invalidRequest("The Content-Type must be %s.", formType)
	}
	if err := refuseQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	form, err := parseForm(string(body))
	if err != nil {
		return nil, err
	}
	client, err := readCredentials(r.Header.Values("Authorization"), form)
	if err != nil {
		return nil, err
	}
	return &Request{form: form, client: client}, nil
}

func isForm(contentType string) bool {
	if contentType == formType { // as most send it
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == formType
}

// refuseQuery keeps passwords and tokens out of URLs, which end up in logs and
// histories.
func refuseQuery(raw string) error {
	if raw == "" {
		return nil
	}
	// By hand, because url.ParseQuery passes over what it can't decode, and a password
	// that was not encoded has leaked all the same.
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if _, known := parameters[name]; known {
			return invalidRequest("Parameter %q must be sent in the request body, not in the URL.", name)
		}
	}
	return nil
}

// parseForm keeps the known parameters that have a value.
func parseForm(body string) (url.Values, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("The request body is not a valid %s form: check its percent-encoding.", formType)
	}
	for name, values := range form {
		repeats, known := parameters[name]
		if !known {
			delete(form, name)
			continue
		}
		if len(values) > 1 && !repeats {
			return nil, invalidRequest("Parameter %q must not be repeated.", name)
		}
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if len(values) == 0 {
			delete(form, name)
			continue
		}
		form[name] = values
	}
	return form, nil
}
