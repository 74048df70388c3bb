package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/usher-oauth/usher/bench/measure"
)

// client is an app that talks to a server of a site, or to the bare one.
type client struct {
	address string
	site    *site
}

// get is GET path.
func (c client) get(path, wanted string) measure.Stream {
	return measure.Stream{Address: c.address, Method: http.MethodGet, Path: path, Wanted: wanted}
}

// me is GET path with a token.
func (c client) me(path, token string) measure.Stream {
	s := c.get(path, `"username":"`)
	s.Header = map[string]string{"Authorization": "Bearer " + token}
	return s
}

// post is POST path with a form, of the confidential client where it is said to be.
func (c client) post(path, wanted string, authenticated bool, pairs ...string) measure.Stream {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	s := measure.Stream{Address: c.address, Method: http.MethodPost, Path: path, Body: form.Encode(), Wanted: wanted}
	if authenticated {
		basic := base64.StdEncoding.EncodeToString([]byte(confidential + ":" + c.site.secret))
		s.Header = map[string]string{"Authorization": "Basic " + basic}
	}
	return s
}

func (c client) clientCredentials(path string) measure.Stream {
	return c.post(path, `"access_token":"`, true, "grant_type", "client_credentials")
}

func (c client) introspect(path, token string) measure.Stream {
	return c.post(path, `"active":true`, true, "token", token)
}

func (c client) password(path string) measure.Stream { return c.passwordOf(path, userName) }

// passwordOf is the login of that user; without a name, of whom the body is to end in.
func (c client) passwordOf(path, username string) measure.Stream {
	form := []string{"grant_type", "password", "client_id", public, "password", userPassword}
	if username != "" {
		form = append(form, "username", username)
	}
	return c.post(path, `"access_token":"`, false, form...)
}

// refresh is a chain of refreshes for each token.
func (c client) refresh(path string, tokens []string) measure.Stream {
	s := c.post(path, `"refresh_token":"`, false, "grant_type", "refresh_token", "client_id", public)
	s.Body += "&refresh_token="
	s.Tokens = tokens
	return s
}

// tokens is what a token endpoint answers.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// once sends a stream's request a single time.
func once(ctx context.Context, s measure.Stream) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, s.Method, "http://"+s.Address+s.Path, strings.NewReader(s.Body))
	if err != nil {
		return nil, err
	}
	if s.Method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range s.Header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", s.Method, s.Path, response.Status, body)
	}
	return body, err
}

// token sends a request to the token endpoint.
func token(ctx context.Context, s measure.Stream) (t tokens, err error) {
	body, err := once(ctx, s)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(body, &t)
}

// sessions logs in n times, one login for each chain of refreshes.
func (c client) sessions(ctx context.Context, n int) ([]string, error) {
	refresh := make([]string, n)
	for i := range refresh {
		t, err := token(ctx, c.password("/token"))
		if err != nil {
			return nil, err
		}
		refresh[i] = t.Refresh
	}
	return refresh, nil
}

// freshTokens issues more access tokens than usher remembers the signatures of.
func (c client) freshTokens(ctx context.Context) ([]string, error) {
	const many, callers = 10_000, 2
	issued := make([]string, many)
	errs := make([]error, callers)
	var ended sync.WaitGroup
	for caller := range callers {
		ended.Go(func() {
			for i := caller; i < many && errs[caller] == nil; i += callers {
				answer, err := token(ctx, c.clientCredentials("/token"))
				issued[i], errs[caller] = answer.Access, err
			}
		})
	}
	ended.Wait()
	return issued, errors.Join(errs...)
}

// signedBytes is how much of a token its signature covers.
func signedBytes(token string) string {
	return fmt.Sprint(strings.LastIndexByte(token, '.'))
}
