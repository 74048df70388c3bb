package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// examineEndpoints checks the endpoints of clients: where they are, and what they
// answer to an empty form, which every server refuses.
func (e *examination) examineEndpoints(ctx context.Context, m metadata) {
	if m.TokenEndpoint == "" {
		e.fail("token_endpoint", "the metadata names no token endpoint", "the server has to name it there (RFC 8414, section 2); usher does")
	} else if a, ok := e.examineEndpoint(ctx, "token_endpoint", m.TokenEndpoint); ok {
		e.examineTokenErrors(a)
	}
	for _, more := range []struct{ check, address string }{
		{"introspection_endpoint", m.IntrospectionEndpoint},
		{"revocation_endpoint", m.RevocationEndpoint},
	} {
		if more.address != "" {
			e.examineEndpoint(ctx, more.check, more.address)
		}
	}
}

// examineEndpoint checks one, and returns its answer where that came from an
// endpoint.
func (e *examination) examineEndpoint(ctx context.Context, check, address string) (answer, bool) {
	if found, fix := e.misplaced(address); found != "" {
		e.fail(check, found, fix)
		return answer{}, false
	}
	here := e.here(address)
	a, err := e.web.post(ctx, here, "")
	if err != nil {
		s := explain(err, here, e.Now())
		e.fail(check, fmt.Sprintf("%s: %s", plain(here), s.found), s.fix)
		return answer{}, false
	}
	if found, fix := e.obstructed(a, here); found != "" {
		e.fail(check, fmt.Sprintf("POST %s: %s", plain(here), found), fix)
		return answer{}, false
	}
	if !beneath(address, e.self) {
		e.warn(check, fmt.Sprintf("%s is not beneath the issuer", plain(address)), "fine where the server is meant to be in two places; else give the one public URL by --issuer")
	} else {
		e.ok(check, "%s answers", plain(here))
	}
	return a, true
}

// misplaced says what is wrong with an address in the metadata, if anything.
func (e *examination) misplaced(address string) (found, fix string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Sprintf("%s is no absolute URL", quoted(address)), "clients need the whole URL in the metadata (RFC 8414, section 2)"
	case u.Scheme == "http" && strings.HasPrefix(e.self, "https:"):
		return fmt.Sprintf("%s is in the clear, although the issuer is https", plain(address)), "let the server know its public URL: --issuer for usher, a forwarded scheme (X-Forwarded-Proto) for others"
	}
	return "", ""
}

// obstructed says what keeps a POST from an endpoint, if anything.
func (e *examination) obstructed(a answer, address string) (found, fix string) {
	switch {
	case a.redirect() != "":
		return fmt.Sprintf("a redirect to %s, on which clients send a GET without the form", plain(a.redirect())), "let the issuer be the URL without a redirect, or take the redirect off this path"
	case a.status == http.StatusNotFound && e.path() != "":
		return "answers 404", e.handOn(address)
	case a.status == http.StatusNotFound:
		return "answers 404", "let the proxy hand on " + pathOf(address)
	case a.status == http.StatusMethodNotAllowed:
		return "answers 405: a POST does not get through", "let the proxy hand on POST too; a server of files has no business at this path"
	case a.status == http.StatusForbidden:
		return "answers " + a.says(), "a proxy or firewall in front forbids it: let POST without cookies and Origin through"
	case a.unreachable():
		return "answers " + a.says(), "the proxy does not reach the server behind it, or that has no database: look at both logs"
	case a.status >= 500:
		return "answers " + a.says(), fmt.Sprintf("look in the server's log for request_id %s", quoted(a.header.Get("X-Request-Id")))
	}
	return "", ""
}

// examineTokenErrors looks at what the token endpoint says to an empty form: an
// error in JSON (RFC 6749, section 5.2) that nobody keeps.
func (e *examination) examineTokenErrors(a answer) {
	const check = "token errors"
	var problem struct {
		Error string `json:"error"`
	}
	err := json.Unmarshal(a.body, &problem)
	expected := []string{"invalid_request", "invalid_client", "unsupported_grant_type"}
	switch {
	case a.status == http.StatusTooManyRequests:
		e.warn(check, "the token endpoint answers 429: too many requests from here", "wait, and ask again")
		return
	case err != nil || problem.Error == "":
		e.fail(check, fmt.Sprintf("the token endpoint answers an empty form with %s and no JSON error", a.says()),
			"let the proxy hand on answers as they are (in nginx no proxy_intercept_errors, no error_page): clients read the error of RFC 6749, section 5.2")
		return
	case a.status < 400 || a.status > 499 || !slices.Contains(expected, problem.Error):
		e.fail(check, fmt.Sprintf("the token endpoint answers an empty form with %d and the error %s", a.status, quoted(problem.Error)),
			"it should be 400 invalid_request (RFC 6749, section 5.2): is this the token endpoint?")
		return
	}
	e.ok(check, "an empty form is %s, in JSON", plain(problem.Error))
	if c := strings.Join(a.header.Values("Cache-Control"), ", "); !strings.Contains(strings.ToLower(c), "no-store") {
		e.warn("token caching", fmt.Sprintf("answers of the token endpoint have Cache-Control %s, not no-store", quoted(c)),
			"let the proxy leave Cache-Control alone: caches must not keep tokens (RFC 6749, section 5.1)")
		return
	}
	e.ok("token caching", "nobody may keep its answers (no-store)")
}
