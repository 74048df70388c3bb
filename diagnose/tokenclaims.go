package diagnose

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
)

// explainJWT makes the checks of RFC 9068, section 4, in the order in which what a
// check rests on comes before it.
func (e *explaining) explainJWT(ctx context.Context) {
	e.examineHeader()
	e.examineSignature(ctx, e.examineIssuer())
	claims, err := accesstoken.Parse(e.payload)
	if err != nil {
		e.fail("claims", plain(strings.TrimPrefix(err.Error(), "invalid access token: ")), "RFC 9068, section 2.2, wants iss, sub, aud, exp, iat, jti and client_id in a token for APIs: this one is of another kind or another server")
		return
	}
	e.ok("claims", "all that RFC 9068 requires are there")
	e.examineAudience(claims)
	e.examineTimes(claims)
	e.examineScope(claims)
	e.examineID(ctx, claims)
}

func (e *explaining) examineAudience(c accesstoken.Claims) {
	const check = "aud"
	switch {
	case e.Audience == "":
		e.skip(check, "it is for %s; --audience compares that with the API's own name", quotedList(c.Audience))
	case c.HasAudience(e.Audience):
		e.ok(check, "it is for %s", plain(e.Audience))
	default:
		found := fmt.Sprintf("it is for %s, the API is %s", quotedList(c.Audience), quoted(e.Audience))
		if len(c.Audience) == 1 {
			found = fmt.Sprintf("it is for %s, which %s; the API is %s", quoted(c.Audience[0]), difference(c.Audience[0], e.Audience), quoted(e.Audience))
		}
		e.fail(check, found, fmt.Sprintf("ask for the token with resource=%s (and let the client: usher client add --audiences), or give the API the audience the token has", plain(e.Audience)))
	}
}

func (e *explaining) examineTimes(c accesstoken.Claims) {
	now := e.Now()
	expiry, issued := time.Unix(c.Expiry, 0), time.Unix(c.IssuedAt, 0)
	if c.Expiry <= now.Unix() {
		e.fail("exp", fmt.Sprintf("it expired %s (%s)", relative(expiry, now), stamp(expiry)), "get a new one by the refresh token or a new login; the life of new ones is --access-token-ttl")
	} else {
		e.ok("exp", "it expires %s (%s)", relative(expiry, now), stamp(expiry))
	}
	if c.IssuedAt > now.Unix()+int64(maxSkew/time.Second) {
		e.fail("iat", fmt.Sprintf("it was issued in the future, %s ahead (%s)", span(issued.Sub(now)), stamp(issued)), "put the clocks of this machine and of the issuer right by NTP")
	} else {
		e.ok("iat", "it was issued %s (%s)", relative(issued, now), stamp(issued))
	}
}

func (e *explaining) examineScope(c accesstoken.Claims) {
	const check = "scope"
	var missing []string
	for _, s := range e.Scopes {
		if !c.HasScope(s) {
			missing = append(missing, s)
		}
	}
	switch {
	case len(e.Scopes) == 0 && c.Scope == "":
		e.skip(check, "it has none; --scope says what the API needs")
	case len(e.Scopes) == 0:
		e.skip(check, "it has %s; --scope compares that with what the API needs", quoted(c.Scope))
	case len(missing) > 0:
		e.fail(check, fmt.Sprintf("it lacks %s; it has %s", quotedList(missing), quoted(c.Scope)),
			"ask for the scope at login; both the client (usher client show) and the user (usher user show) have to be allowed it")
	default:
		e.ok(check, "it has %s", quotedList(e.Scopes))
	}
}

// examineID looks at what the token's name says, and asks the database about it.
func (e *explaining) examineID(ctx context.Context, c accesstoken.Claims) {
	const check = "jti"
	id, ok := accesstoken.ParseID(c.ID)
	switch {
	case !ok && e.Store != nil:
		e.fail(check, "it does not name a login as usher's tokens do, so usher never accepts it", "a token of another server")
		return
	case !ok:
		e.warn(check, "it does not name a login as usher's tokens do", "a token of another server: usher itself would refuse it, and can't revoke it")
		return
	case id.Grant == "":
		e.ok(check, "it is a client's own token (client_credentials)")
	default:
		e.ok(check, "it is of the login %s", plain(id.Grant))
	}
	if e.Store == nil {
		e.skip("ended", "whether it was revoked before its time only the issuer knows; --database looks there")
		return
	}
	e.examineState(ctx, c, id)
}
