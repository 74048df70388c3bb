package diagnose

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Issuer says which authorization server to examine, and what is wanted of it.
// Only URL is required; what else is named is checked too.
type Issuer struct {
	URL      string // the issuer identifier, as clients write it; see CheckURL
	Origin   string // of a web page that calls the server, such as https://app.example.com
	Audience string // what the bearer resources of the server itself should be
	Resource string // URL of an API that takes the server's tokens

	// SigningKey is the id of a key that has to be in the key set.
	SigningKey string

	Transport *http.Transport  // nil: that of http.DefaultTransport
	Now       func() time.Time // nil: time.Now
}

const (
	// maxSkew is how far two clocks may be apart: usher takes an iat this far ahead.
	maxSkew = 30 * time.Second
	// certificateLeft is how long before its end a certificate is worth a word.
	certificateLeft = 14 * 24 * time.Hour
)

// examination is one run over an issuer.
type examination struct {
	Issuer
	web web
	report

	// self is what the server calls itself. Later checks go by that, so that a wrong
	// issuer is found once and not in every document again.
	self string
}

// Examine asks the issuer, as its clients and APIs do, and returns a finding for
// each check. It posts no credentials and changes nothing. Checks that make no
// sense after an earlier one has failed are left out.
func (i Issuer) Examine(ctx context.Context) []Finding {
	if i.Now == nil {
		i.Now = time.Now
	}
	e := &examination{Issuer: i, web: newWeb(i.Transport, i.Now), self: i.URL}
	defer e.web.close()
	first, ok := e.reach(ctx)
	if !ok {
		return e.findings
	}
	e.examineClock(first)
	m, ok := e.examineMetadata(ctx)
	if !ok {
		return e.findings
	}
	e.examineIssuer(m)
	if m.Issuer != "" {
		e.self = m.Issuer
	}
	e.examineEndpoints(ctx, m)
	e.examineKeySet(ctx, m.JWKSURI)
	e.examineReadiness(ctx)
	e.examineExposure(ctx)
	e.examineBearer(ctx)
	if i.Origin != "" && m.TokenEndpoint != "" {
		e.examineCORS(ctx, e.here(m.TokenEndpoint))
	}
	if i.Resource != "" {
		e.examineResource(ctx)
	}
	return e.findings
}

// here is where an address that the server names is asked: beneath the URL by which
// it was reached.
func (e *examination) here(address string) string { return rebase(address, e.self, e.URL) }

// below is a path beneath the URL.
func (e *examination) below(path string) string { return strings.TrimSuffix(e.URL, "/") + path }

// path of the URL, without a slash at the end.
func (e *examination) path() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// reach asks the first question. Unless it gets an answer, there is nothing more to
// be found.
func (e *examination) reach(ctx context.Context) (answer, bool) {
	address := places(e.URL)[0].address
	a, err := e.web.get(ctx, address)
	if err != nil {
		s := explain(err, address, e.Now())
		if s.check == checkTLS {
			e.ok(checkReachable, "something listens there")
		}
		e.fail(s.check, s.found, s.fix)
		return answer{}, false
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return answer{}, false // it was asked just now
	}
	if u.Scheme == "http" && a.status == http.StatusBadRequest && bytes.Contains(bytes.ToLower(a.body), []byte("https")) {
		e.fail(checkReachable, u.Host+" speaks https, not http", "write the URL with https://")
		return answer{}, false
	}
	e.ok(checkReachable, "%s answers", u.Host)
	if !a.leaf.IsZero() {
		e.examineCertificate(a)
	}
	if to, err := url.Parse(a.redirect()); err == nil && to.Host != "" && origin(to) != origin(u) {
		e.fail("redirect", fmt.Sprintf("the server sends its clients on to %s", plain(origin(to))),
			fmt.Sprintf("give the URL they end at as the issuer: a redirect turns POST /token into a GET (usher doctor %s)", plain(origin(to)+e.path())))
		return answer{}, false
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		e.fail("https", "passwords and tokens travel in the clear", "serve it by https: a proxy with a certificate, or --tls-cert and --tls-key, and an --issuer with https://")
	}
	return a, true
}

func (e *examination) examineCertificate(a answer) {
	left := a.leaf.Sub(e.Now())
	if left < certificateLeft {
		e.warn(checkTLS, fmt.Sprintf("the certificate ends in %s, at %s", span(left), stamp(a.leaf)), "renew it, and restart what serves it")
		return
	}
	e.ok(checkTLS, "the certificate is good until %s", stamp(a.leaf))
}

// examineClock compares the clocks by the Date of an answer (RFC 9110, section
// 6.6.1), which is in whole seconds.
func (e *examination) examineClock(a answer) {
	const check = "clock"
	skew, ok := a.skew()
	switch {
	case !ok:
		e.warn(check, "the answers have no Date, so the clocks can't be compared", "let the proxy in front leave the Date header alone")
	case skew.Abs() > maxSkew:
		e.fail(check, fmt.Sprintf("the server's clock is %s %s this machine's (%s there)", span(skew), aheadOrBehind(skew), stamp(a.at.Add(skew))),
			"put both right by NTP; tokens count as expired, or as issued in the future, where clocks differ")
	default:
		e.ok(check, "within %s of this machine's", span(maxSkew))
	}
}

// skew is how far the server's clock is ahead of ours, as far as that can be told:
// 0 where it may be right.
func (a answer) skew() (time.Duration, bool) {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return 0, false
	}
	// An answer out of a cache was written earlier (RFC 9111, section 5.1).
	if age, err := strconv.ParseUint(a.header.Get("Age"), 10, 31); err == nil {
		date = date.Add(time.Duration(age) * time.Second)
	}
	// It was some time within that second, and within the time the answer took.
	const second = time.Second
	switch {
	case date.Add(second + a.slack).Before(a.at):
		return date.Add(second + a.slack).Sub(a.at), true
	case date.Add(-a.slack).After(a.at):
		return date.Add(-a.slack).Sub(a.at), true
	}
	return 0, true
}

// aheadOrBehind is the word between a duration and what a clock is compared with.
func aheadOrBehind(skew time.Duration) string {
	if skew < 0 {
		return "behind"
	}
	return "ahead of"
}

// examineReadiness asks what load balancers ask. Servers other than usher have no
// such page, and proxies may well hide it.
func (e *examination) examineReadiness(ctx context.Context) {
	const check = "ready"
	a, err := e.web.get(ctx, e.below("/readyz"))
	switch {
	case err != nil:
		s := explain(err, e.URL, e.Now())
		e.fail(check, s.found, s.fix)
	case a.status == http.StatusOK:
		e.ok(check, "the server says that it is")
	case a.status >= 500:
		e.fail(check, "/readyz answers "+a.says(), `look at the line "not ready" in the server's log: its database does not answer, no key may sign, or it is stopping`)
	default:
		e.skip(check, "/readyz is not to be seen here (%s)", a.says())
	}
}

// examineExposure looks for the operators' pages where everyone can see them.
func (e *examination) examineExposure(ctx context.Context) {
	const check = "private pages"
	for _, page := range []struct{ path, mark string }{{"/metrics", "# TYPE"}, {"/debug/pprof/", "goroutine"}} {
		a, err := e.web.get(ctx, e.below(page.path))
		if err == nil && a.status == http.StatusOK && bytes.Contains(a.body, []byte(page.mark)) {
			e.fail(check, fmt.Sprintf("everyone can read %s", page.path), "let the proxy hand on to --addr alone, never to --admin-addr")
			return
		}
	}
	e.ok(check, "metrics and profiles are not to be seen")
}
