package adminclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/storage"
)

// ErrUnauthorized says that the server does not take the access token (RFC 6750
// §3.1), or no more.
var ErrUnauthorized = errors.New("the server refuses the access token")

// Tokens gives access tokens.
type Tokens interface {
	// Token returns one that was not given before where again is true, and an error
	// that wraps [ErrUnauthorized] where there is none.
	Token(ctx context.Context, again bool) (string, error)
}

// Client asks a server. It is not safe for concurrent use.
type Client struct {
	base   string
	tokens Tokens
	http   *http.Client
}

// patience is how long an answer may take: a server gives up sooner.
const patience = 70 * time.Second

// New returns a client of the server at base, an http or https URL.
func New(base string, tokens Tokens) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), tokens: tokens, http: newHTTP(base)}
}

// newHTTP follows no redirect: a token or a password must not go to where a wrong URL
// leads. Nor must it go to a proxy in the clear.
func newHTTP(base string) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if strings.HasPrefix(base, "http:") {
		transport.Proxy = nil
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call sends body, unless it is nil, and reads the answer into to, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, to any) error {
	err := c.try(ctx, method, path, body, to, false)
	if errors.Is(err, ErrUnauthorized) {
		// Nothing was done, so it does no harm to come again with another token.
		if again := c.try(ctx, method, path, body, to, true); !errors.Is(again, ErrUnauthorized) {
			return again
		}
	}
	return err
}

func (c *Client) try(ctx context.Context, method, path string, body, to any, again bool) error {
	token, err := c.tokens.Token(ctx, again)
	if err != nil {
		return err
	}
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("writing the request: %w", err)
		}
		text = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, text)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return exchange(c.http, r, to)
}

// maxAnswer is more than the largest answer has, in bytes.
const maxAnswer = 64 << 20

// exchange sends r and reads the answer into to.
func exchange(h *http.Client, r *http.Request, to any) error {
	res, err := h.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the URL is said once
		}
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		return fmt.Errorf("asking the server at %s: %w", origin(r), err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of the server at %s: %w", origin(r), err)
	}
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	isJSON := err == nil && media == "application/json"
	switch {
	case res.StatusCode == http.StatusNoContent && to == nil:
		return nil
	case res.StatusCode >= http.StatusMultipleChoices && res.StatusCode < http.StatusBadRequest:
		return fmt.Errorf("the server at %s sends elsewhere: give its own URL, not one that redirects", origin(r))
	case !isJSON:
		return fmt.Errorf("%s is no usher: it answered %d and no JSON", origin(r), res.StatusCode)
	case garbled(body):
		return fmt.Errorf("%s is no usher: it answered %d with control characters in a text", origin(r), res.StatusCode)
	case res.StatusCode >= http.StatusBadRequest:
		return refusal(res, body, origin(r))
	case to == nil:
		return fmt.Errorf("%s is no usher: it answered %d where there is nothing to say", origin(r), res.StatusCode)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("reading the answer of the server at %s: %w", origin(r), err)
	}
	if of, ok := to.(interface{ Named() bool }); ok && !of.Named() {
		return fmt.Errorf("%s is no usher: its answer is about nothing", origin(r))
	}
	return nil
}

// garbled reports whether a text in JSON has what could steer a terminal. None of usher's
// has.
func garbled(body []byte) bool {
	words := json.NewDecoder(bytes.NewReader(body))
	for {
		switch word, err := words.Token(); word := word.(type) {
		case string:
			if strings.ContainsFunc(word, unicode.IsControl) {
				return true
			}
		default:
			if err != nil {
				return false // whoever reads it will say so
			}
		}
	}
}

func origin(r *http.Request) string { return r.URL.Scheme + "://" + r.URL.Host }

// refused is an error with the words of the server, which are those of package admin.
type refused struct {
	err  error // nil where there is no such error elsewhere
	text string
}

func (r *refused) Error() string { return r.text }
func (r *refused) Unwrap() error { return r.err }

// refusal turns an error answer into an error.
func refusal(res *http.Response, body []byte, server string) error {
	var said struct {
		Code string `json:"error"`
		Text string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Code == "" {
		return fmt.Errorf("%s is no usher: it answered %d and no error of ours", server, res.StatusCode)
	}
	switch {
	case res.StatusCode == http.StatusNotFound && said.Code != adminapi.CodeNotFound:
		return fmt.Errorf("the server at %s has no such operation: is it of another version, or is its path missing in the URL?", server)
	case said.Code == adminapi.CodeNotFound:
		return &refused{storage.ErrNotFound, said.Text}
	case said.Code == adminapi.CodeExists:
		return &refused{storage.ErrExists, said.Text}
	case res.StatusCode == http.StatusUnauthorized && said.Code != "invalid_client":
		return &refused{ErrUnauthorized, fmt.Sprintf("the server at %s refuses the access token (has it ended, or is it for another audience than the issuer?): %s", server, lowered(said.Text))}
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the server at %s refuses: %s; the token needs the scope usher:admin, which its client and user must have", server, lowered(said.Text))
	case res.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("the server at %s answered %d: %s (its log says more at request_id %s)", server, res.StatusCode, lowered(said.Text), res.Header.Get("X-Request-Id"))
	}
	return &refused{nil, said.Text}
}

// lowered makes a sentence a part of another.
func lowered(s string) string {
	if len(s) > 1 {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return strings.TrimSuffix(s, ".")
}
