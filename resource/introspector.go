package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Introspector asks the issuer whether a token has been ended before its expiry
// (RFC 7662): its Active is for Config.Active. Every request to the API then costs
// one to the issuer, and is refused with 503 where that does not answer.
type Introspector struct {
	URL string // the issuer's introspection endpoint

	// The client is one that may see the tokens it asks about: usher client add
	// API --introspect.
	ClientID, ClientSecret string

	// HTTPClient is http.DefaultClient where nil. Give it a Timeout.
	HTTPClient *http.Client
}

// Active reports whether the issuer says that the token is active.
func (i Introspector) Active(ctx context.Context, token string, _ Claims) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return false, fmt.Errorf("introspection: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(i.ClientSecret)) // RFC 6749, section 2.3.1
	res, err := newClient(i.HTTPClient).Do(req)
	if err != nil {
		return false, fmt.Errorf("introspection: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return false, fmt.Errorf("introspection: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("introspection: %s answered %s", i.URL, res.Status)
	}
	var answer struct {
		Active *bool `json:"active"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, fmt.Errorf("introspection: %s did not answer with JSON: %w", i.URL, err)
	}
	if answer.Active == nil {
		return false, errors.New("introspection: " + i.URL + " did not say whether the token is active")
	}
	return *answer.Active, nil
}
