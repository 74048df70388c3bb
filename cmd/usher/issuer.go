package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// checkIssuer tells whether s can be the issuer: the name of this server in
// every token, which verifiers compare letter by letter (RFC 8414, section 2,
// and RFC 9068, section 4). Whatever could be written in two ways is refused
// rather than repaired, so that a token says exactly what --issuer said.
func checkIssuer(s string, allowHTTP bool) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return usagef("--issuer is empty: name the URL clients reach this server by, or leave it out for the address listened on")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return usagef("--issuer %q: write it as https://HOST or https://HOST/PATH", s)
	case u.User != nil:
		return errors.New("--issuer: take the user name and password out, every token would show them")
	case strings.ContainsAny(s, "?#"):
		return fmt.Errorf("--issuer %q: leave out the query and the fragment (RFC 8414, section 2)", s)
	case strings.HasSuffix(s, "/"):
		return fmt.Errorf("--issuer %q: leave out the slash at the end, verifiers compare letter by letter", s)
	case u.Path != "" && path.Clean(u.Path) != u.Path:
		return fmt.Errorf("--issuer %q: write its path as %s", s, path.Clean(u.Path))
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return fmt.Errorf("--issuer %q: passwords and tokens would travel in the clear: use https, or give --allow-http where something else protects them", s)
	}
	return nil
}

// isLoopback reports whether a host name stays on this machine.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") // RFC 6761, section 6.3
}

// baseURL is where the server listening at bound is reached from this machine.
// wanted is what --addr said, for its host may be a name.
func baseURL(scheme, wanted string, bound net.Addr) (string, error) {
	host, _, err := net.SplitHostPort(wanted)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(reachable(host), port)}
	return u.String(), nil
}

// reachable turns a host to listen on into one to connect to: where every
// address is listened on, the loopback one answers.
func reachable(host string) string {
	if unspecified(host) {
		if strings.Contains(host, ":") {
			return "::1"
		}
		return "127.0.0.1"
	}
	return host
}

func unspecified(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}
