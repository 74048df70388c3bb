package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// examineBearer checks the resources that usher itself has. Another server has none
// at this path, and is not asked more.
func (e *examination) examineBearer(ctx context.Context) {
	const check = "bearer resources"
	address := e.below("/users/me")
	a, err := e.web.get(ctx, address)
	if err != nil {
		s := explain(err, address, e.Now())
		e.fail(check, s.found, s.fix)
		return
	}
	if a.status == http.StatusNotFound {
		e.skip(check, "there is no /users/me: another server than usher, or a proxy that hides it")
		if e.Audience != "" {
			e.skip("audience", "only usher tells by its own resources what its default audience is")
		}
		return
	}
	metadata, ok := e.examineChallenge(ctx, a, check, address, e.here)
	if !ok {
		return
	}
	e.examineAuthorizationHeader(ctx, address)
	if e.Audience == "" {
		return
	}
	if metadata.Resource != e.Audience {
		e.fail("audience", fmt.Sprintf("tokens asked for without an audience are for %s, not for %s", quoted(metadata.Resource), plain(e.Audience)),
			fmt.Sprintf("start usher with --default-audience %s, or let clients ask with resource=%[1]s (usher client add --audiences)", plain(e.Audience)))
		return
	}
	e.ok("audience", "tokens asked for without one are for %s", plain(e.Audience))
}

// examineAuthorizationHeader sends what is no token, which is refused in another
// way than none at all (RFC 6750, section 3.1).
func (e *examination) examineAuthorizationHeader(ctx context.Context, address string) {
	const check = "authorization header"
	a, err := e.web.get(ctx, address, "Authorization", "Bearer not-a-token")
	if err != nil {
		s := explain(err, address, e.Now())
		e.fail(check, s.found, s.fix)
		return
	}
	c, _ := bearerChallenge(a.header.Values("WWW-Authenticate"))
	if a.status == http.StatusUnauthorized && c.parameters["error"] == "" {
		e.fail(check, "the server does not see the Authorization header", "let the proxy hand it on (Apache: CGIPassAuth On; no auth_basic in nginx on these paths)")
		return
	}
	e.ok(check, "it gets to the server")
}

// examineResource checks that an API takes the issuer's tokens.
func (e *examination) examineResource(ctx context.Context) {
	const check = "resource"
	a, err := e.web.get(ctx, e.Resource)
	if err != nil {
		s := explain(err, e.Resource, e.Now())
		e.fail(check, fmt.Sprintf("the API: %s", s.found), s.fix)
		return
	}
	e.examineChallenge(ctx, a, check, e.Resource, func(address string) string { return address })
}

// resourceMetadata is RFC 9728, section 2.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
}

// examineChallenge checks what a resource answers without a token: a challenge that
// leads to metadata, which name the issuer (RFC 9728, section 5). It returns these
// metadata.
func (e *examination) examineChallenge(ctx context.Context, a answer, check, address string, here func(string) string) (resourceMetadata, bool) {
	var none resourceMetadata
	if a.status != http.StatusUnauthorized {
		fix := "let it refuse requests without a token: 401 with WWW-Authenticate (RFC 6750, section 3)"
		if a.redirect() != "" {
			fix = "let it answer 401 here; a redirect to a login page is for browsers"
		}
		e.fail(check, fmt.Sprintf("%s answers %s to a request without a token", plain(address), a.says()), fix)
		return none, false
	}
	c, ok := bearerChallenge(a.header.Values("WWW-Authenticate"))
	if !ok {
		e.fail(check, fmt.Sprintf("%s answers 401 without WWW-Authenticate: Bearer", plain(address)), "let the API send it and the proxy hand it on (RFC 6750, section 3)")
		return none, false
	}
	leads := c.parameters["resource_metadata"]
	if leads == "" {
		e.warn(check, fmt.Sprintf("the challenge of %s has no resource_metadata, so clients can't find the issuer by it", plain(address)), "add it (RFC 9728, section 5.1); in Go it is MetadataURL of package resource")
		return none, false
	}
	return e.examineResourceMetadata(ctx, check, address, here(leads))
}

func (e *examination) examineResourceMetadata(ctx context.Context, check, address, leads string) (resourceMetadata, bool) {
	var m resourceMetadata
	if err := CheckURL(leads); err != nil {
		e.fail(check, fmt.Sprintf("the challenge of %s leads to %s, which is no URL", plain(address), quoted(leads)), "let resource_metadata be the whole URL of the metadata (RFC 9728, section 5.1)")
		return m, false
	}
	a, err := e.web.get(ctx, leads)
	if err != nil {
		s := explain(err, leads, e.Now())
		e.fail(check, fmt.Sprintf("the challenge leads to %s: %s", plain(leads), s.found), s.fix)
		return m, false
	}
	if err := json.Unmarshal(a.body, &m); err != nil || a.status != http.StatusOK {
		e.fail(check, fmt.Sprintf("the challenge leads to %s, which answers %s and no metadata", plain(leads), a.says()), "let the proxy hand on "+pathOf(leads))
		return m, false
	}
	if !slices.Contains(m.AuthorizationServers, e.self) {
		e.fail(check, fmt.Sprintf("%s names %s as authorization server, not %s", plain(leads), orNobody(m.AuthorizationServers), plain(e.self)),
			"let the API be told the issuer, to the letter, and name it in authorization_servers (RFC 9728, section 2)")
		return m, false
	}
	e.ok(check, "refuse requests without a token, and lead to this issuer")
	return m, true
}

func orNobody(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return quotedList(list)
}
