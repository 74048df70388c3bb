package diagnose

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

const (
	checkEnded  = "ended"
	checkUser   = "user"
	checkClient = "client"
)

// again is the fix of what has ended.
const again = "log in again; nothing brings it back"

// examineState asks the database whether anything has ended the token, and what.
func (e *explaining) examineState(ctx context.Context, c accesstoken.Claims, id accesstoken.ID) {
	for _, end := range []struct {
		kind storage.Kind
		key  string
		how  string
	}{
		{storage.KindToken, c.ID, "this token was revoked (POST /revoke)"},
		{storage.KindGrant, id.Grant, "its login was ended: somebody logged out (POST /revoke), or a refresh token was used twice"},
	} {
		if end.key == "" {
			continue
		}
		_, err := e.Store.Revocation(ctx, end.kind, end.key)
		if err == nil {
			e.fail(checkEnded, end.how, again)
			return
		}
		if !errors.Is(err, storage.ErrNotFound) {
			e.untold(err)
			return
		}
	}
	if !e.examineClient(ctx, c, id) || id.Grant != "" && !e.examineUser(ctx, c, id) {
		return
	}
	e.ok(checkEnded, "nothing has ended it")
}

// untold reports that the database could not be read.
func (e *explaining) untold(err error) {
	e.fail(checkEnded, "the database did not say: "+plain(err.Error()), "look at the database by usher doctor --database")
}

// examineUser reports whether the user of the token is there, and in the epoch it
// was issued in.
func (e *explaining) examineUser(ctx context.Context, c accesstoken.Claims, id accesstoken.ID) bool {
	u, err := e.Store.User(ctx, c.Subject)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		e.fail(checkUser, "there is no user with the id "+quoted(c.Subject), "the user was removed, or the token is of another database")
		return false
	case err != nil:
		e.untold(err)
		return false
	case u.Disabled:
		e.fail(checkUser, fmt.Sprintf("user %s is disabled", plain(u.Username)), "usher user enable, then log in again: what was ended stays ended")
		return false
	case u.Epoch != id.UserEpoch && !e.kept(ctx, u.ID, id):
		e.fail(checkUser, fmt.Sprintf("every session of user %s was ended since: by a new password, by being disabled for a time, or by usher token revoke --user", plain(u.Username)), again)
		return false
	}
	e.ok(checkUser, "%s, who is enabled", plain(u.Username))
	return true
}

// examineClient does the same for the client.
func (e *explaining) examineClient(ctx context.Context, c accesstoken.Claims, id accesstoken.ID) bool {
	client, err := e.Store.Client(ctx, c.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		e.fail(checkClient, "there is no client "+quoted(c.ClientID), "the client was removed, or the token is of another database")
		return false
	case err != nil:
		e.untold(err)
		return false
	case client.Disabled:
		e.fail(checkClient, fmt.Sprintf("client %s is disabled", plain(client.ID)), "usher client enable, then get a new token: what was ended stays ended")
		return false
	case client.Epoch != id.ClientEpoch:
		e.fail(checkClient, fmt.Sprintf("every token of client %s was ended since: by being disabled for a time, by removing and adding it, or by usher token revoke --client", plain(client.ID)), "get a new token; nothing brings this one back")
		return false
	}
	e.ok(checkClient, "%s, which is enabled", plain(client.ID))
	return true
}

// kept reports whether a grant of an older epoch lives on, as the one does in which
// a user has changed the password.
func (e *explaining) kept(ctx context.Context, userID string, id accesstoken.ID) bool {
	r, err := e.Store.Revocation(ctx, storage.KindUser, userID)
	return err == nil && !r.Covers(id.Grant, id.UserEpoch)
}

// explainRefresh tells about a refresh token, which only the issuer can check.
func (e *explaining) explainRefresh(ctx context.Context, text string) {
	t, ok := provider.ReadRefreshToken(e.Master, text)
	if !ok || !isBase64URL(text) {
		e.fail(checkForm, fmt.Sprintf("it begins as a refresh token of usher and has %s, which is not the form of one", count(len(text), "character")), "copy the whole token")
		return
	}
	if !e.failed() {
		e.ok(checkForm, "a refresh token of usher, of the login %s", plain(t.Grant))
	}
	if e.Audience != "" || len(e.Scopes) > 0 {
		e.fail("kind", "no API takes a refresh token", "send the access_token; the refresh token is for the token endpoint alone, to get a new one")
		return
	}
	const check = "live"
	if e.Store == nil {
		e.skip(check, "only the issuer can tell whether it still works; --database looks there. No API takes it: it is for the token endpoint alone")
		return
	}
	if e.Master != nil && !t.Genuine {
		e.fail("genuine", "no server with this master key made it", "it is of another installation, or somebody made it up")
		return
	}
	s, err := e.Store.Session(ctx, t.Grant)
	switch now := e.Now(); {
	case errors.Is(err, storage.ErrNotFound):
		e.fail(check, "its login is not in the database: it was ended or has expired, or its user or client was removed", again)
	case err != nil:
		e.untold(err)
	case !now.Before(s.ExpiresAt):
		e.fail(check, fmt.Sprintf("its login ended %s (%s), as --refresh-token-ttl says", relative(s.ExpiresAt, now), stamp(s.ExpiresAt)), again)
	case s.User.Disabled:
		e.fail(checkUser, fmt.Sprintf("user %s is disabled", plain(s.Username)), "usher user enable, then log in again")
	case s.Client.Disabled:
		e.fail(checkClient, fmt.Sprintf("client %s is disabled", plain(s.ClientID)), "usher client enable, then log in again")
	case s.User.Epoch != s.UserEpoch:
		e.fail(checkUser, fmt.Sprintf("every session of user %s was ended since", plain(s.Username)), again)
	case s.Client.Epoch != s.ClientEpoch:
		e.fail(checkClient, fmt.Sprintf("every session of client %s was ended since", plain(s.ClientID)), again)
	case bytes.Equal(s.Refresh, t.Hash):
		e.live = true
		e.ok(check, "it works until %s (%s), for user %s at client %s", stamp(s.ExpiresAt), relative(s.ExpiresAt, now), plain(s.Username), plain(s.ClientID))
	case bytes.Equal(s.Previous, t.Hash):
		e.fail(check, fmt.Sprintf("it was used %s: another has taken its place", relative(s.RotatedAt, now)), "use the one that came in that answer; sending this again after --refresh-grace ends the whole login")
	default:
		e.fail(check, "it is not the live one of its login: it was used long ago, or is made up", "use the newest one; sending this ends the whole login")
	}
}
