package diagnose

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-oauth/usher/keys"
)

// examineIssuer compares the issuer with the API's setting and returns the one to
// ask, and nothing where none can be asked.
func (e *explaining) examineIssuer() (ask string) {
	const check = "iss"
	switch {
	case e.iss == "":
		e.fail(check, "it names no issuer", "a token for APIs has to (RFC 9068, section 2.2): it is of another kind or another server")
	case e.Issuer == "" && CheckURL(e.iss) != nil:
		e.fail(check, fmt.Sprintf("its issuer %s is no http or https URL, so nobody can be asked for keys", quoted(e.iss)), "a token of another server; name the issuer that the API expects with --issuer")
		return ""
	case e.Issuer == "":
		e.ok(check, "%s, by its own word; --issuer compares it with the API's setting", plain(e.iss))
		return e.iss
	case e.iss != e.Issuer:
		e.fail(check, fmt.Sprintf("it is of %s, which %s; the API expects %s", quoted(e.iss), difference(e.iss, e.Issuer), quoted(e.Issuer)),
			"write the same issuer at both ends, to the letter; usher says what --issuer says")
	default:
		e.ok(check, "%s, as the API expects", plain(e.iss))
	}
	return e.Issuer
}

// examineSignature gets the issuer's keys and checks the signature by them.
func (e *explaining) examineSignature(ctx context.Context, issuer string) {
	if issuer == "" {
		e.skip("key set", "there is no issuer to ask for keys, so the signature is not checked")
		return
	}
	body, ok := e.fetchKeys(ctx, issuer)
	if !ok {
		e.skip("signature", "not checked: no key set")
		return
	}
	list, ok := parseKeySet(body)
	if !ok {
		e.fail("key set", fmt.Sprintf("what %s answers is no key set", plain(issuer)), fmt.Sprintf("usher doctor %s finds out more", plain(issuer)))
		return
	}
	var ids []string
	var key *published
	for i, k := range list {
		ids = append(ids, k.KID)
		if k.KID == e.kid && e.kid != "" {
			key = &list[i]
		}
	}
	e.ok("key set", "%s of %s: %s", count(len(list), "key"), plain(issuer), quotedList(ids))
	switch {
	case e.kid == "":
		e.fail("kid", "the header names no key", "usher always does; name the server that issued it with --issuer")
		return
	case key == nil && e.iss != issuer:
		e.skip("kid", "key %s is not among them, as it is of another issuer", quoted(e.kid))
		return
	case key == nil:
		e.fail("kid", fmt.Sprintf("no key there has the id %s", quoted(e.kid)),
			"get a new token: its key was retired or rotated away (usher key rotate --now), or another server of that name signed it (compare usher key list)")
		return
	case key.key == nil:
		e.fail("kid", fmt.Sprintf("key %s %s", quoted(e.kid), key.useless), fmt.Sprintf("usher doctor %s finds out more", plain(issuer)))
		return
	case !usherSigns(e.alg):
		e.skip("signature", "not checked: nobody should look at it, with that alg")
		return
	case key.Alg != "" && key.Alg != e.alg:
		e.fail("kid", fmt.Sprintf("key %s is for %s, and the token says %s", quoted(e.kid), quoted(key.Alg), quoted(e.alg)), "refuse it: a token must not choose the algorithm (RFC 8725, section 3.1)")
		return
	}
	e.ok("kid", "the key set has %s", plain(e.kid))
	e.verify(body, key.key)
}

// algorithms are those that usher signs by, as go-jose knows them.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA}

// usherSigns reports whether that is an algorithm that usher signs by.
func usherSigns(alg string) bool { return slices.Contains(algorithms, jose.SignatureAlgorithm(alg)) }

// verify checks the signature twice: as anyone would, and as usher and package
// resource do, who are stricter.
func (e *explaining) verify(keySet []byte, key any) {
	const check = "signature"
	parsed, err := jose.ParseSignedCompact(e.token, algorithms)
	if err == nil {
		_, err = parsed.Verify(key)
	}
	if err != nil {
		e.fail(check, "it does not fit: the token was changed after it was signed, or its key is not the one of that id",
			"copy the whole token again; if that is it, somebody made it up")
		return
	}
	e.Verified = true
	set, err := keys.ParseSet(keySet)
	if err != nil {
		e.fail(check, "it fits, but package resource can't use the key set", "usher doctor says why")
		return
	}
	_, err = set.Verify(e.token, e.typ)
	switch {
	case err == nil:
		e.ok(check, "it fits")
	case errors.Is(err, keys.ErrUnknownKey):
		e.fail(check, "it fits, but package resource does not take this key (no alg, or a member that is private)", "usher doctor says what is wrong with the key set")
	case e.failed():
		e.ok(check, "it fits") // what else is wrong has been said
	default:
		e.fail(check, "it fits, but package resource refuses it: "+strings.TrimPrefix(err.Error(), "invalid token: "), "usher does not write such tokens: they come from another server, or were changed on the way")
	}
}

// fetchKeys gets the key set document of an issuer.
func (e *explaining) fetchKeys(ctx context.Context, issuer string) ([]byte, bool) {
	const check = "key set"
	w := newWaryWeb(e.Transport, e.Now)
	if e.Issuer != "" {
		w = newWeb(e.Transport, e.Now)
	}
	defer w.close()
	m, silent := w.discover(ctx, issuer)
	if silent != nil {
		e.fail(check, silent.found, silent.fix)
		return nil, false
	}
	fix := fmt.Sprintf("usher doctor %s finds out more", plain(issuer))
	switch from, err := url.Parse(issuer); {
	case m.Issuer != issuer:
		e.fail(check, fmt.Sprintf("the server at %s calls itself %s, so its keys don't count (RFC 8414, section 3.3)", plain(issuer), quoted(m.Issuer)), fix)
		return nil, false
	case CheckURL(m.JWKSURI) != nil || err != nil:
		e.fail(check, fmt.Sprintf("the metadata of %s name no key set", plain(issuer)), fix)
		return nil, false
	case from.Scheme == "https" && !strings.HasPrefix(m.JWKSURI, "https:"):
		e.fail(check, "the key set is in the clear, although the issuer is https", fix)
		return nil, false
	case e.Issuer == "" && !beneath(m.JWKSURI, origin(from)):
		e.fail(check, fmt.Sprintf("the issuer has its keys elsewhere (%s), where nothing is fetched because a token says so", plain(m.JWKSURI)), fmt.Sprintf("if you trust it: --issuer %s", plain(issuer)))
		return nil, false
	}
	a, err := w.get(ctx, m.JWKSURI)
	if err != nil {
		s := explain(err, m.JWKSURI, e.Now())
		e.fail(check, s.found, s.fix)
		return nil, false
	}
	if skew, ok := a.skew(); ok && skew.Abs() > maxSkew {
		e.warn("clock", fmt.Sprintf("the issuer's clock is %s %s this machine's", span(skew), aheadOrBehind(skew)), "put both right by NTP; times below are as this machine sees them")
	}
	if a.status != 200 {
		e.fail(check, fmt.Sprintf("%s answers %s", plain(m.JWKSURI), a.says()), fix)
		return nil, false
	}
	return a.body, true
}
