package diagnose

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// CheckURL returns an error unless s is an address that can be asked: http or
// https, with a host, without user name, query and fragment (RFC 8414, section 2).
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("%s is no URL to ask: write it as http://HOST:PORT or https://HOST", quoted(s))
	case u.User != nil:
		return errors.New("the URL has a user name in it: leave that out")
	case strings.ContainsAny(s, "?#"):
		return fmt.Errorf("%s has a query or a fragment: leave that out", quoted(s))
	}
	return nil
}

// beneath reports whether address is prefix or a path under it.
func beneath(address, prefix string) bool {
	rest, ok := strings.CutPrefix(address, strings.TrimSuffix(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// rebase puts a new beginning in the place of prefix, and returns addresses from
// elsewhere as they are.
func rebase(address, prefix, replacement string) string {
	if !beneath(address, prefix) {
		return address
	}
	return strings.TrimSuffix(replacement, "/") + strings.TrimPrefix(address, strings.TrimSuffix(prefix, "/"))
}

// difference tells in words how two URLs differ that should be equal to the letter.
// got is the subject: "has a slash at the end".
func difference(got, want string) string {
	g, err := url.Parse(got)
	w, werr := url.Parse(want)
	switch {
	case err != nil || werr != nil || g.Host == "":
		return "is no URL"
	case got == want+"/":
		return "has a slash at the end"
	case got+"/" == want:
		return "has no slash at the end"
	case strings.EqualFold(got, want):
		return "is written with other capitals"
	case g.Scheme != w.Scheme && g.Hostname() == w.Hostname():
		return fmt.Sprintf("has the scheme %s", plain(g.Scheme))
	case g.Hostname() != w.Hostname():
		return fmt.Sprintf("has the host %s", plain(g.Hostname()))
	case g.Port() != w.Port() && g.Port() == "":
		return "has no port"
	case g.Port() != w.Port():
		return fmt.Sprintf("has the port %s", plain(g.Port()))
	case g.Path == "":
		return "has no path"
	case g.Path != w.Path:
		return fmt.Sprintf("has the path %s", plain(g.Path))
	}
	return "is spelled in another way"
}

// isLoopback reports whether a host name stays on this machine (RFC 6761, section
// 6.3, for the name).
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
