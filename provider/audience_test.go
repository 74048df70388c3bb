package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

const apiAudience = "https://api.example"

// audienceServer is a server with a client "full" that may do everything.
func audienceServer(t *testing.T, change ...func(*provider.Config)) *server {
	t.Helper()
	s := newServer(t, change...)
	err := s.store.CreateClient(t.Context(), storage.Client{
		ID: "full", SecretHash: credentials.HashSecret(s.secret), Grants: provider.GrantTypes(),
		Scopes: []string{"profile", "read", "role:web_user", "role:admin"}, DefaultScopes: []string{"read"},
		Audiences: []string{apiAudience, "https://b.example", "https://c.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// profile gives an audience a profile, as the command line does.
func (s *server) profile(n admin.NewAudience) {
	s.t.Helper()
	if _, _, err := (&admin.Audiences{Keys: &s.keys}).Add(s.t.Context(), n, true); err != nil {
		s.t.Fatal(err)
	}
}

// unprofile makes the tokens of an audience plain again.
func (s *server) unprofile(uri string) {
	s.t.Helper()
	if _, err := (&admin.Audiences{Keys: &s.keys}).Remove(s.t.Context(), uri); err != nil {
		s.t.Fatal(err)
	}
}

// full asks the token endpoint as the client full.
func (s *server) full(grant string, pairs ...string) (*provider.Token, error) {
	return s.Token(s.t.Context(), request(s.t, values(append([]string{"grant_type", grant}, pairs...)...), "full", s.secret))
}

func (s *server) mustFull(grant string, pairs ...string) *provider.Token {
	s.t.Helper()
	token, err := s.full(grant, pairs...)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// ann are the parameters of ann's login.
func ann(pairs ...string) []string {
	return append([]string{"username", "ann", "password", password}, pairs...)
}

// seen is what a profile can change of a token.
type seen struct {
	Alg, Typ string
	Extra    accesstoken.Extra
	Life     int64 // seconds
}

func (s *server) see(token *provider.Token) seen {
	s.t.Helper()
	got := seen{}
	text := decode(s.t, token.AccessToken)
	end := strings.Index(text, "\n}\n") + 3
	if err := json.Unmarshal([]byte(text[:end]), &got); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text[end:]), &got.Extra); err != nil {
		s.t.Fatal(err)
	}
	c := s.claims(token.AccessToken)
	if got.Life = c.Expiry - c.IssuedAt; got.Life != token.ExpiresIn {
		s.t.Errorf("the token lives for %d seconds, and expires_in says %d", got.Life, token.ExpiresIn)
	}
	return got
}

func ttl(d time.Duration) *time.Duration { return &d }

// The decoded tokens of audiences with a profile, for the resource servers that want
// something else.
func TestGoldenAudienceTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		profile admin.NewAudience
		scope   string
	}{
		"spring":    {admin.NewAudience{Type: "JWT"}, "read"},
		"postgrest": {admin.NewAudience{Type: "JWT", ExtraClaims: []string{"role"}}, "role:web_user"},
		"dovecot":   {admin.NewAudience{Algorithm: keys.RS256, Type: "JWT", ExtraClaims: []string{"azp", "username"}}, "profile"},
		"list":      {admin.NewAudience{Algorithm: keys.EdDSA, ExtraClaims: []string{"scp"}, TTL: ttl(10 * time.Minute)}, "read profile"},
		"all":       {admin.NewAudience{Algorithm: keys.RS256, Type: "JWT", ExtraClaims: []string{"azp", "scp", "role", "username"}, TTL: ttl(5 * time.Minute)}, "profile read role:web_user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := audienceServer(t)
			bob := s.addUser("bob", "profile", "read", "role:web_user")
			tt.profile.URI = apiAudience
			s.profile(tt.profile)
			s.clock.Advance(keys.Lead)
			login := s.mustFull("password", "username", "bob", "password", password, "scope", tt.scope, "resource", apiAudience)
			for kind, token := range map[string]string{
				"user": login.AccessToken, "client": s.mustFull("client_credentials", "scope", tt.scope, "resource", apiAudience).AccessToken,
			} {
				kid, err := keys.KeyID(token)
				if err != nil {
					t.Fatal(err)
				}
				names := strings.NewReplacer(kid, "KID", bob.ID, "USER-ID", s.claims(token).ID, "JTI")
				golden(t, "audience_"+name+"."+kind+".token", names.Replace(decode(t, token)))
			}
		})
	}
}

func TestAudiencesWithoutAProfileStayPlain(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	s.profile(admin.NewAudience{URI: apiAudience, Type: "JWT", Algorithm: keys.EdDSA, ExtraClaims: []string{"azp"}, TTL: ttl(time.Minute)})
	s.clock.Advance(keys.Lead)
	want := seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}
	for _, audience := range []string{"", issuer, "https://b.example", apiAudience + "/"} {
		token, err := s.full("client_credentials", "audience", audience)
		if audience == apiAudience+"/" {
			wantProblem(t, err, http.StatusBadRequest, "invalid_target")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.see(token)); diff != "" {
			t.Errorf("audience %q (-want +got):\n%s", audience, diff)
		}
	}
}

// The main key signs until the key that was announced for the audience does.
func TestAudienceAlgorithmIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	s.profile(admin.NewAudience{URI: apiAudience, Type: "JWT", Algorithm: keys.EdDSA})
	ask := func() seen { return s.see(s.mustFull("client_credentials", "audience", apiAudience)) }
	if got, want := ask(), (seen{Alg: "ES256", Typ: "JWT", Life: 1800}); !cmp.Equal(got, want) {
		t.Errorf("while it waits: got %v, want %v", got, want)
	}
	s.clock.Advance(keys.Lead)
	if got, want := ask(), (seen{Alg: "EdDSA", Typ: "JWT", Life: 1800}); !cmp.Equal(got, want) {
		t.Errorf("once it signs: got %v, want %v", got, want)
	}
	s.unprofile(apiAudience)
	if got, want := ask(), (seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}); !cmp.Equal(got, want) {
		t.Errorf("without the profile: got %v, want %v", got, want)
	}
}

func TestSeveralAudiences(t *testing.T) {
	t.Parallel()
	const a, b, c = apiAudience, "https://b.example", "https://c.example"
	jwt := func(uri string) admin.NewAudience { return admin.NewAudience{URI: uri, Type: "JWT"} }
	for name, tt := range map[string]struct {
		profiles []admin.NewAudience
		audience []string
		want     seen // Typ "" for a conflict
	}{
		"both typed JWT":            {[]admin.NewAudience{jwt(a), jwt(b)}, []string{a, b}, seen{Alg: "ES256", Typ: "JWT", Life: 1800}},
		"JWT and plain":             {[]admin.NewAudience{jwt(a)}, []string{a, b}, seen{}},
		"plain and JWT":             {[]admin.NewAudience{jwt(b)}, []string{a, b}, seen{}},
		"the third differs":         {[]admin.NewAudience{jwt(a), jwt(b)}, []string{a, b, c}, seen{}},
		"two algorithms":            {[]admin.NewAudience{{URI: a, Algorithm: keys.EdDSA}, {URI: b, Algorithm: keys.RS256}}, []string{a, b}, seen{}},
		"another than the server's": {[]admin.NewAudience{{URI: a, Algorithm: keys.EdDSA}}, []string{a, b}, seen{}},
		"the server's by name":      {[]admin.NewAudience{{URI: a, Algorithm: keys.ES256}}, []string{a, b}, seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}},
		"one of two, alone":         {[]admin.NewAudience{jwt(a)}, []string{a}, seen{Alg: "ES256", Typ: "JWT", Life: 1800}},
		"the shortest life":         {[]admin.NewAudience{{URI: a, TTL: ttl(time.Hour)}, {URI: b, TTL: ttl(time.Minute)}}, []string{a, b}, seen{Alg: "ES256", Typ: "at+jwt", Life: 60}},
		"a longer life than plain":  {[]admin.NewAudience{{URI: a, TTL: ttl(time.Hour)}}, []string{a, b}, seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}},
		"a longer life, alone":      {[]admin.NewAudience{{URI: a, TTL: ttl(time.Hour)}}, []string{a}, seen{Alg: "ES256", Typ: "at+jwt", Life: 3600}},
		"claims of either, each once": {[]admin.NewAudience{{URI: a, ExtraClaims: []string{"azp"}}, {URI: b, ExtraClaims: []string{"scp", "azp"}}}, []string{a, b}, seen{
			Alg: "ES256", Typ: "at+jwt", Life: 1800, Extra: accesstoken.Extra{AuthorizedParty: "full", ScopeList: []string{"read"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := audienceServer(t)
			for _, p := range tt.profiles {
				s.profile(p)
			}
			var pairs []string
			for _, audience := range tt.audience {
				pairs = append(pairs, "resource", audience)
			}
			for _, grant := range []string{"password", "client_credentials"} {
				token, err := s.full(grant, append(pairs, ann()...)...)
				if tt.want.Typ == "" {
					p := wantProblem(t, err, http.StatusBadRequest, "invalid_target")
					if !strings.Contains(p.Description, "one audience at a time") {
						t.Errorf("%s: got %q, want it to say what to do", grant, p.Description)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, s.see(token)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", grant, diff)
				}
			}
		})
	}
}

// A conflict is found before the password is looked at, so it tells nothing of it.
func TestAudienceConflictTellsNothingOfThePassword(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	s.profile(admin.NewAudience{URI: apiAudience, Type: "JWT"})
	_, err := s.full("password", "username", "ann", "password", "wrong", "resource", apiAudience, "resource", "https://b.example")
	wantProblem(t, err, http.StatusBadRequest, "invalid_target")
}

func TestRefreshFollowsTheProfileOfItsAudiences(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	const b = "https://b.example"
	login := s.mustFull("password", ann("resource", apiAudience, "resource", b)...)
	if got, want := s.see(login), (seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}); !cmp.Equal(got, want) {
		t.Errorf("login: got %v, want %v", got, want)
	}
	s.profile(admin.NewAudience{URI: apiAudience, Type: "JWT", ExtraClaims: []string{"username"}, TTL: ttl(5 * time.Minute)})
	// One token for both is no more, but nothing is used up by asking for it.
	for range 2 {
		_, err := s.full("refresh_token", "refresh_token", login.RefreshToken)
		wantProblem(t, err, http.StatusBadRequest, "invalid_target")
	}
	one := s.mustFull("refresh_token", "refresh_token", login.RefreshToken, "resource", apiAudience)
	want := seen{Alg: "ES256", Typ: "JWT", Life: 300, Extra: accesstoken.Extra{Username: "ann"}}
	if got := s.see(one); !cmp.Equal(got, want) {
		t.Errorf("narrowed to the one: got %v, want %v", got, want)
	}
	// A retry gets the very same answer, whatever the profile says by now.
	s.unprofile(apiAudience)
	if again := s.mustFull("refresh_token", "refresh_token", login.RefreshToken); *again != *one {
		t.Errorf("retry: got %v, want %v", again, one)
	}
	other := s.mustFull("refresh_token", "refresh_token", one.RefreshToken, "resource", b)
	if got, want := s.see(other), (seen{Alg: "ES256", Typ: "at+jwt", Life: 1800}); !cmp.Equal(got, want) {
		t.Errorf("narrowed to the other: got %v, want %v", got, want)
	}
}

// A lost answer can be had again also when its access token did not live as long as
// the grace.
func TestRetryOfAnAnswerThatHasExpired(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.profile(admin.NewAudience{URI: issuer, TTL: ttl(2 * time.Second)})
	login := s.login()
	first, err := s.refresh(login.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(5 * time.Second)
	again, err := s.refresh(login.RefreshToken)
	if err != nil || again.AccessToken != first.AccessToken || again.RefreshToken != first.RefreshToken || again.ExpiresIn != 0 {
		t.Fatalf("got %v, %v, want the same answer with expires_in 0", again, err)
	}
	s.wantActive("an expired token", false, again.AccessToken)
	next, err := s.refresh(again.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	s.wantActive("of the next refresh", true, next.AccessToken)
}

// A scope names the role, and where two do, neither is guessed.
func TestRoleClaim(t *testing.T) {
	t.Parallel()
	s := audienceServer(t)
	s.addUser("bob", "read", "role:web_user", "role:admin")
	s.profile(admin.NewAudience{URI: apiAudience, ExtraClaims: []string{"role"}})
	login := func(scope string) (*provider.Token, error) {
		return s.full("password", "username", "bob", "password", password, "scope", scope, "resource", apiAudience)
	}
	for scope, role := range map[string]string{"read": "", "read role:web_user": "web_user", "role:admin": "admin"} {
		token, err := login(scope)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.see(token).Extra.Role; got != role {
			t.Errorf("scope %q: got role %q, want %q", scope, got, role)
		}
	}
	_, err := login("role:admin role:web_user")
	wantProblem(t, err, http.StatusBadRequest, "invalid_scope")
	// A refresh that has to choose can: the refused try used nothing up.
	both := s.mustFull("password", "username", "bob", "password", password, "scope", "role:admin role:web_user")
	s.profile(admin.NewAudience{URI: issuer, ExtraClaims: []string{"role"}})
	_, err = s.full("refresh_token", "refresh_token", both.RefreshToken)
	wantProblem(t, err, http.StatusBadRequest, "invalid_scope")
	chosen := s.mustFull("refresh_token", "refresh_token", both.RefreshToken, "scope", "role:web_user")
	if got := s.see(chosen).Extra.Role; got != "web_user" {
		t.Errorf("chosen by a refresh: got role %q, want web_user", got)
	}
}
