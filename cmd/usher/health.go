package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// healthcheck is `usher healthcheck`. In a container it takes the variables of
// the server beside it.
type healthcheck struct {
	Addr    string        `default:"127.0.0.1:8000" placeholder:"HOST:PORT" help:"Address the server listens on (default: ${default})."`
	TLSCert string        `placeholder:"FILE" help:"Set where the server has a certificate: ask over https. Its name is not checked."`
	URL     string        `placeholder:"URL" help:"Base URL to ask instead; over https its certificate must be good."`
	Timeout time.Duration `default:"5s" placeholder:"DURATION" help:"How long to wait for the answer (default: ${default})."`
	outputFlag
}

func (c *healthcheck) Run(ctx context.Context, w world) error {
	target, client, err := c.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := ready(ctx, client, target); err != nil {
		return err
	}
	return c.print(w, struct {
		Ready bool   `json:"ready"`
		URL   string `json:"url"`
	}{true, target}, func() string { return "ready\n" })
}

// target returns the URL to ask and what asks it.
func (c *healthcheck) target() (string, *http.Client, error) {
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", nil, usagef("--url %q: write it as http://HOST:PORT or https://HOST", c.URL)
		}
		return strings.TrimSuffix(c.URL, "/") + "/readyz", http.DefaultClient, nil
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "", nil, usagef("--addr %q: write it as HOST:PORT", c.Addr)
	}
	base := url.URL{Scheme: "http", Host: net.JoinHostPort(reachable(host), port), Path: "/readyz"}
	if c.TLSCert == "" {
		return base.String(), http.DefaultClient, nil
	}
	base.Scheme = "https"
	// The certificate names the public host, not this address, and nothing secret
	// is sent: the question is only whether the server answers.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return base.String(), &http.Client{Transport: transport}, nil
}

// ready asks a server whether it is ready.
func ready(ctx context.Context, client *http.Client, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is named below
		}
		return fmt.Errorf("not ready: %s does not answer: %w", target, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // whatever it says is better than nothing
		hint := ""
		if res.StatusCode == http.StatusBadRequest && req.URL.Scheme == "http" {
			hint = " (for https give --tls-cert or --url)"
		}
		return fmt.Errorf("not ready: %s answers %s: %s%s", target, res.Status, cell(strings.TrimSpace(string(body))), hint)
	}
	return nil
}
