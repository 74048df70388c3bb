package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/keys/keystest"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// A token that is not typed at+jwt is looked after like any other, also once its
// audience has no profile any more.
func TestTokensOfEitherTypeAreLookedAfter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.profile(admin.NewAudience{URI: issuer, Type: "JWT", Algorithm: keys.EdDSA})
	s.clock.Advance(keys.Lead)
	kept, one := s.login().AccessToken, s.login().AccessToken
	disabled := s.login()
	s.wantActive("typed JWT", true, kept, one, disabled.AccessToken)
	s.unprofile(issuer)
	s.wantActive("without the profile", true, kept, one, disabled.AccessToken)
	s.revoke(one, "web")
	s.profile(admin.NewAudience{URI: issuer, Type: "JWT"})
	s.wantActive("revoked while there was no profile", false, one)
	s.wantActive("not revoked", true, kept)
	if err := s.store.ChangeUser(t.Context(), "ann", storagetest.DisableUser); err != nil {
		t.Fatal(err)
	}
	if err := s.store.ChangeUser(t.Context(), "ann", storagetest.EnableUser); err != nil {
		t.Fatal(err)
	}
	s.wantActive("of a user that was disabled", false, kept, disabled.AccessToken, disabled.RefreshToken)
}

// What ends a token is kept for as long as the profile lets it live.
func TestLongLivedTokensStayEnded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.profile(admin.NewAudience{URI: issuer, TTL: ttl(24 * time.Hour)})
	kept, one := s.login().AccessToken, s.login().AccessToken
	s.addUser("bob", "profile")
	bobs := s.mustToken("grant_type", "password", "username", "bob", "password", password).AccessToken
	s.revoke(one, "web")
	if err := s.store.ChangeUser(t.Context(), "bob", storagetest.DisableUser); err != nil {
		t.Fatal(err)
	}
	if err := s.store.ChangeUser(t.Context(), "bob", storagetest.EnableUser); err != nil {
		t.Fatal(err)
	}
	s.unprofile(issuer) // what was issued lives on
	for range 47 {
		s.clock.Advance(30 * time.Minute)
		if _, err := s.store.Prune(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		fresh := s.node() // it knows what the database kept
		for what, token := range map[string]string{"revoked": one, "of a user that was disabled": bobs} {
			if active, err := fresh.Active(t.Context(), s.claims(token)); err != nil || active {
				t.Fatalf("token %s: active %v (%v) after %s", what, active, err, s.clock.Now())
			}
		}
	}
	s.wantActive("before its day is over", true, kept)
	s.clock.Advance(30 * time.Minute)
	s.wantActive("after its day", false, kept)
}

// No other kind of token passes for an access token: neither what this server signs
// under another typ, nor what is typed JWT and lacks what an access token has.
func TestNoOtherTokenPassesForAnAccessToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.profile(admin.NewAudience{URI: "https://api.example", Type: "JWT"})
	ring, _, err := s.keys.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	valid := s.login().AccessToken
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(valid, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	own := func(name string) bool { // of the forgeries for one typ those that are genuine for the other
		for _, typ := range accesstoken.Types() {
			if strings.EqualFold(strings.Replace(name, "application/", "", 1), `typ "`+typ+`"`) {
				return true
			}
		}
		return false
	}
	for _, typ := range accesstoken.Types() {
		forgeries := keystest.Forgeries(ring, s.clock.Now(), typ, payload)
		genuine := 0
		for _, f := range forgeries {
			if f.Token == "" || strings.HasPrefix(f.Name, "claims: aud ") && strings.Contains(f.Name, "attacker") {
				continue // a request without a token; a token for an API that asks about it
			}
			if found := s.introspect(f.Token); found.Active != own(f.Name) {
				t.Errorf("%s: %s: active is %v", typ, f.Name, found.Active)
			}
			if own(f.Name) {
				genuine++
			}
		}
		if len(forgeries) < 300 || genuine == 0 || genuine > 3 {
			t.Errorf("%s: got %d forgeries, %d of them genuine as the other type", typ, len(forgeries), genuine)
		}
	}

	for name, edit := range map[string]func(map[string]any){
		"an ID token":              func(c map[string]any) { delete(c, "client_id"); c["nonce"] = "n" },
		"an ID token with jti":     func(c map[string]any) { c["jti"] = "a-random-id" },
		"of a login, without user": func(c map[string]any) { c["jti"] = "grant..client.random" },
		"an introspection": func(c map[string]any) {
			c["token_introspection"] = map[string]any{"active": true}
			delete(c, "jti")
		},
	} {
		var c map[string]any
		if err := json.Unmarshal(payload, &c); err != nil {
			t.Fatal(err)
		}
		edit(c)
		for _, typ := range accesstoken.Types() {
			token, err := ring.Sign(s.clock.Now(), typ, []byte(encode(t, c)))
			if err != nil {
				t.Fatal(err)
			}
			s.wantActive(name+" typed "+typ, false, token)
		}
	}
	s.wantActive("what they were made of", true, valid)
}

// Rotations of the main line and of one for an audience, the audience coming and going
// meanwhile, under verifiers that honour the cache headers, over three nodes.
func TestRotationsOfLinesBreakNoCachingVerifier(t *testing.T) {
	t.Parallel()
	const life, step = 2 * time.Minute, 47 * time.Second
	s := audienceServer(t, func(c *provider.Config) { c.AccessTokenTTL = life })
	nodes, verifiers := s.threeNodes()
	type issued struct {
		token string
		until time.Time
	}
	var living []issued
	verified, signed := 0, make(map[string]bool)
	profile := admin.NewAudience{URI: apiAudience, Algorithm: keys.EdDSA, Type: "JWT", TTL: ttl(3 * time.Minute)}
	s.profile(profile)
	for round := range 12 {
		var err error
		switch round % 4 {
		case 0:
			_, err = s.keys.Rotate(t.Context(), []keys.Algorithm{keys.ES256, keys.EdDSA}[round/4%2])
		case 1:
			if _, err = s.keys.RotateForAudiences(t.Context(), ""); err != nil && strings.Contains(err.Error(), "no audience has a key of its own") {
				err = nil // the main line has taken over
			}
		case 2:
			s.unprofile(apiAudience)
		case 3:
			s.profile(profile)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes { // the clock of this test is faster than a notification
			s.settle(n, apiAudience, round%4 != 2)
		}
		for passed := time.Duration(0); passed < keys.Lead+life+2*keys.Skew; passed += step {
			for _, audience := range []string{issuer, apiAudience} {
				form := values("grant_type", "client_credentials", "audience", audience)
				token, err := nodes[(round+int(passed/step))%3].Token(t.Context(), request(t, form, "full", s.secret))
				if err != nil {
					t.Fatal(err)
				}
				kid, err := keys.KeyID(token.AccessToken)
				if err != nil {
					t.Fatal(err)
				}
				signed[kid] = true
				living = append(living, issued{token.AccessToken, s.clock.Now().Add(time.Duration(token.ExpiresIn) * time.Second)})
			}
			for i, v := range verifiers {
				for _, l := range living {
					if !s.clock.Now().Before(l.until) {
						continue
					}
					if err := v.verify(t, l.token); err != nil {
						t.Fatalf("round %d: verifier %d refuses a living token: %v", round, i, err)
					}
					verified++
				}
			}
			s.clock.Advance(step)
		}
	}
	t.Logf("%d verifications of tokens of %d keys, none failed", verified, len(signed))
	if len(signed) < 6 {
		t.Errorf("got tokens of %d keys, want them of several in two lines", len(signed))
	}
}

// typ returns the typ of the tokens that a node makes for an audience.
func (s *server) typ(node *provider.Provider, audience string) string {
	s.t.Helper()
	token, err := node.Token(s.t.Context(), request(s.t, values("grant_type", "client_credentials", "audience", audience), "full", s.secret))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.see(token).Typ
}

// settle waits until a node knows the keys and the profile that are in the database:
// at once on an embedded database, within a second on a server.
func (s *server) settle(node *provider.Provider, audience string, jwt bool) {
	s.t.Helper()
	ring, _, err := s.keys.Ring(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		document, err := node.Document(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		known := document.ETag == ring.Document(s.clock.Now()).ETag
		if known && (s.typ(node, audience) == accesstoken.TypeJWT) == jwt {
			return
		}
	}
	s.t.Fatal("a node does not learn of a change")
}

// A change by another process is known to every node: at once on an embedded database,
// within a second on a server.
func TestNodesLearnOfProfiles(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	nodes := []*provider.Provider{s.Provider, s.node()}
	k := s.keys
	k.Store = s.open()
	others := &admin.Audiences{Keys: &k}
	learn := func(want string) {
		t.Helper()
		for i, node := range nodes {
			deadline := time.Now().Add(time.Second)
			for s.typ(node, apiAudience) != want {
				if strings.HasPrefix(s.url, "sqlite:") || time.Now().After(deadline) {
					t.Fatalf("node %d does not type tokens %s", i, want)
				}
			}
		}
	}
	learn("at+jwt")
	if _, _, err := others.Add(t.Context(), admin.NewAudience{URI: apiAudience, Type: "JWT"}, false); err != nil {
		t.Fatal(err)
	}
	learn("JWT")
	if _, err := others.Remove(t.Context(), apiAudience); err != nil {
		t.Fatal(err)
	}
	learn("at+jwt")
}
