package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	oauthPlace    = "/.well-known/oauth-authorization-server" // RFC 8414, section 3
	openidPlace   = "/.well-known/openid-configuration"       // OpenID Connect Discovery 1.0, section 4
	resourcePlace = "/.well-known/oauth-protected-resource"   // RFC 9728, section 3
)

// metadata is what the checks read of an issuer's metadata (RFC 8414, section 2).
type metadata struct {
	Issuer                string `json:"issuer"`
	TokenEndpoint         string `json:"token_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	RevocationEndpoint    string `json:"revocation_endpoint"`
	JWKSURI               string `json:"jwks_uri"`
}

// place is where metadata may be.
type place struct {
	check   string
	address string
	readers string // who looks there
}

// places returns where clients look for the metadata of an issuer, RFC 8414's place
// first. Without a path in the issuer, two of the four are the other two.
func places(issuer string) []place {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	host, path := origin(u), strings.TrimSuffix(u.EscapedPath(), "/")
	list := []place{
		{"metadata", host + oauthPlace + path, "clients that follow RFC 8414"},
		{"openid metadata", host + path + openidPlace, "libraries that follow OpenID Connect Discovery"},
	}
	if path != "" {
		list = append(list,
			place{"openid metadata, inserted", host + openidPlace + path, "libraries that put it before the path"},
			place{"metadata, appended", host + path + oauthPlace, "libraries that put it after the path"})
	}
	return list
}

// readMetadata reads what a place answers. What is wrong is told in words.
func readMetadata(a answer) (m metadata, wrong string) {
	switch {
	case a.status != 200:
		return metadata{}, "answers " + a.says()
	case a.cut:
		return metadata{}, fmt.Sprintf("answers more than %d bytes", maxBody)
	case a.html():
		return metadata{}, "answers a page for people (HTML), not JSON"
	}
	if err := json.Unmarshal(a.body, &m); err != nil {
		return metadata{}, "answers no JSON object of RFC 8414"
	}
	return m, ""
}

// discover returns the metadata of an issuer from the first place that has it. What
// is wrong with all of them is a silence.
func (w web) discover(ctx context.Context, issuer string) (metadata, *silence) {
	var faults []string
	for _, p := range places(issuer) {
		a, err := w.get(ctx, p.address)
		if err != nil {
			s := explain(err, p.address, w.now())
			return metadata{}, &s // the next place is at the same host
		}
		m, wrong := readMetadata(a)
		if wrong == "" {
			return m, nil
		}
		faults = append(faults, fmt.Sprintf("%s %s", p.address, wrong))
	}
	return metadata{}, &silence{
		found: plain(strings.Join(faults, "; ")),
		fix:   fmt.Sprintf("check that the issuer is meant, and ask usher doctor %s what is wrong with it", plain(issuer)),
	}
}

// absence is a place without metadata.
type absence struct {
	place
	wrong string // in words
	fix   string // where no other place has them either
}

// examineMetadata checks every place and returns the document that counts; it is
// not ok where there is none.
func (e *examination) examineMetadata(ctx context.Context) (m metadata, ok bool) {
	var found []metadata
	var absent []absence
	for _, p := range places(e.URL) {
		a, err := e.web.get(ctx, p.address)
		if err != nil {
			s := explain(err, p.address, e.Now())
			absent = append(absent, absence{p, "gives no answer: " + s.found, s.fix})
			continue
		}
		m, wrong := readMetadata(a)
		if wrong != "" {
			absent = append(absent, absence{p, wrong, e.fixMetadata(a, p)})
			continue
		}
		found = append(found, m)
		e.ok(p.check, "%s", p.address)
	}
	if len(found) == 0 {
		e.fail("metadata", fmt.Sprintf("%s %s", absent[0].address, absent[0].wrong), absent[0].fix)
		return metadata{}, false
	}
	for _, a := range absent {
		e.warn(a.check, fmt.Sprintf("%s %s; %s look there", a.address, a.wrong, a.readers), e.handOn(a.address))
	}
	for _, other := range found[1:] {
		if other != found[0] {
			e.fail("metadata agrees", "the documents at the two places differ, so clients see two servers", "let all of "+oauthPlace+" and "+openidPlace+" come from the one server")
			break
		}
	}
	return found[0], true
}

// fixMetadata says what to do about an answer without metadata.
func (e *examination) fixMetadata(a answer, p place) string {
	switch {
	case a.unreachable():
		return "the proxy does not reach its server: start usher, and check the address the proxy hands on to"
	case a.redirect() != "":
		return "give the URL that clients are to use, without a redirect: it leads to " + plain(a.redirect())
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return "take what asks for a password off /.well-known/ and all that usher answers: clients find it there without any"
	case e.path() != "":
		return e.handOn(p.address)
	}
	return "check that this is the issuer's URL, and that the proxy in front hands on /.well-known/"
}

// handOn says how a proxy has to treat a place.
func (e *examination) handOn(address string) string {
	if e.path() == "" {
		return "let the proxy hand on " + pathOf(address)
	}
	if strings.HasPrefix(pathOf(address), e.path()+"/") {
		return fmt.Sprintf("let the proxy strip %s and hand on the rest: %s has to arrive as %s", e.path(), pathOf(address), strings.TrimPrefix(pathOf(address), e.path()))
	}
	return fmt.Sprintf("let the proxy hand on %s as it is (RFC 8414, section 3.1)", pathOf(address))
}

// pathOf an address, as it is written there.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return plain(address)
	}
	return plain(u.EscapedPath())
}

// examineIssuer compares what the server calls itself with the URL.
func (e *examination) examineIssuer(m metadata) {
	const check = "issuer"
	switch m.Issuer {
	case e.URL:
		e.ok(check, "%s, to the letter", e.URL)
	case "":
		e.fail(check, "the metadata names no issuer", "the server has to name itself there (RFC 8414, section 2); usher does")
	default:
		fix := fmt.Sprintf("start usher with --issuer %s, or let clients and APIs use %s", strings.TrimSuffix(e.URL, "/"), plain(m.Issuer))
		if m.Issuer == strings.TrimSuffix(e.URL, "/") {
			fix = fmt.Sprintf("write the issuer as %s everywhere, without the slash", plain(m.Issuer))
		}
		e.fail(check, fmt.Sprintf("the server calls itself %s, which %s; every token says so, and APIs compare to the letter", quoted(m.Issuer), difference(m.Issuer, e.URL)), fix)
	}
}
