package provider_test

import (
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
)

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := []string{"grant_type", "password", "username", "ann", "password", password}
	machine := []string{"grant_type", "client_credentials"}
	for _, tt := range []struct {
		name   string
		form   []string
		basic  []string
		status int
		code   string
	}{
		{"no grant type", []string{"username", "ann"}, nil, 400, "invalid_request"},
		{"an unknown grant type", []string{"grant_type", "authorization_code"}, nil, 400, "unsupported_grant_type"},
		{"an unknown grant type of an unknown client", []string{"grant_type", "x", "client_id", "nobody"}, nil, 400, "unsupported_grant_type"},
		{"two grant types in one", []string{"grant_type", "password client_credentials"}, nil, 400, "unsupported_grant_type"},
		{"no username", []string{"grant_type", "password", "password", "x"}, nil, 400, "invalid_request"},
		{"an empty password", []string{"grant_type", "password", "username", "ann", "password", ""}, nil, 400, "invalid_request"},
		{"no refresh token", []string{"grant_type", "refresh_token"}, nil, 400, "invalid_request"},
		{"an unknown client", append(login, "client_id", "nobody"), nil, 401, "invalid_client"},
		{"a confidential client without its secret", append(login, "client_id", "api"), nil, 401, "invalid_client"},
		{"a wrong secret", login, []string{"api", "not-the-s3cr3t"}, 401, "invalid_client"},
		{"a secret of another case", login, []string{"api", strings.ToUpper(s.secret)}, 401, "invalid_client"},
		{"a disabled client", login, []string{"off", s.secret}, 401, "invalid_client"},
		{"a public client with a secret", append(login, "client_id", "web", "client_secret", "x"), nil, 401, "invalid_client"},
		{"a public client with a secret in the header", login, []string{"web", "x"}, 401, "invalid_client"},
		{"a public client asking for itself", append(machine, "client_id", "web"), nil, 400, "unauthorized_client"},
		{"a client that only introspects", login, []string{"auditor", s.secret}, 400, "unauthorized_client"},
		{"an unknown scope", append(login, "scope", "profile nonsense"), nil, 400, "invalid_scope"},
		{"a malformed scope", append(login, "scope", "pro\\file"), nil, 400, "invalid_scope"},
		{"a scope of another client", append(login, "scope", "admin"), nil, 400, "invalid_scope"},
		{"a scope in other case", append(login, "scope", "Profile"), nil, 400, "invalid_scope"},
		{"scopes the user has none of", append(login, "scope", "write"), nil, 400, "invalid_scope"},
		{"a client id with a NUL", append(login, "client_id", "a\x00b"), nil, 401, "invalid_client"},
		{"a client id that is not UTF-8", login, []string{"\xff\xfe", "a secret of its own"}, 401, "invalid_client"},
		{"an audience the client may not name", append(login, "audience", "https://api.example"), nil, 400, "invalid_target"},
		{"a resource the client may not name", append(login, "resource", "https://api.example"), nil, 400, "invalid_target"},
		{"a resource that is no URI", append(machine, "resource", "jobs"), []string{"api", s.secret}, 400, "invalid_target"},
		{"a resource with a fragment", append(machine, "resource", "https://api.example#x"), []string{"api", s.secret}, 400, "invalid_target"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Token(t.Context(), request(t, values(tt.form...), tt.basic...))
			p := wantProblem(t, err, tt.status, tt.code)
			if p.Status == 401 && p.Challenge != (tt.basic != nil) {
				t.Errorf("challenge is %v, want %v", p.Challenge, tt.basic != nil)
			}
			if tt.basic != nil && strings.Contains(p.Description, tt.basic[1]) {
				t.Errorf("the description repeats the secret: %s", p.Description)
			}
		})
	}
}

func TestWithoutADefaultClientOneMustBeNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.DefaultClient = "" })
	form := values("grant_type", "password", "username", "ann", "password", password)
	for name, basic := range map[string][]string{"no client": nil, "an empty Basic": {"", ""}} {
		_, err := s.Token(t.Context(), request(t, form, basic...))
		if p := wantProblem(t, err, 401, "invalid_client"); p.Challenge != (basic != nil) {
			t.Errorf("%s: challenge is %v, want %v", name, p.Challenge, basic != nil)
		}
	}
}

func TestADefaultClientMustBePublic(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *provider.Config) { c.DefaultClient = "api" })
	_, err := s.token("grant_type", "password", "username", "ann", "password", password)
	wantProblem(t, err, 401, "invalid_client")
}

func TestClientsProveThemselvesInEveryWay(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const secret = "p%20ss+wörd: 16 chars"
	header := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	for _, tt := range []struct {
		name, authorization, body string
	}{
		{"no client at all", "", ""},
		{"an empty Basic", "Basic Og==", ""},
		{"an empty Basic and client_id", "Basic Og==", "&client_id=web"},
		{"client_id alone", "", "&client_id=web"},
		{"Basic of a public client without a secret", header("web:"), ""},
		{"Basic, raw", header("brought:" + secret), ""},
		{"Basic, form-encoded", header("brought:p%2520ss%2Bw%C3%B6rd%3A+16+chars"), ""},
		{"Basic with the client_id repeated in the body", header("brought:" + secret), "&client_id=brought"},
		{"Basic with an encoded id", header("%62rought:" + secret), ""},
		{"the body", "", "&client_id=brought&client_secret=p%2520ss%2Bw%C3%B6rd%3A+16+chars"},
		{"a generated secret by Basic", header("api:" + s.secret), ""},
		{"a generated secret in the body", "", "&client_id=api&client_secret=" + s.secret},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time a brought secret is remembered
				body := "grant_type=password&username=ann&password=correct+horse+battery" + tt.body
				r := httptest.NewRequest("POST", "/", nil)
				r.Header.Set("Content-Type", formType)
				if tt.authorization != "" {
					r.Header.Set("Authorization", tt.authorization)
				}
				parsed, err := provider.ReadRequest(r, []byte(body))
				if err != nil {
					t.Fatal(err)
				}
				token, err := s.Token(t.Context(), parsed)
				if err != nil {
					t.Fatal(err)
				}
				if token.AccessToken == "" || token.RefreshToken == "" || token.TokenType != "Bearer" {
					t.Errorf("got %s, want an access and a refresh token", encode(t, token))
				}
			}
		})
	}
}

func TestAnOldSecretWorksUntilItsTime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	until := s.clock.Now().Add(24 * time.Hour)
	if err := s.store.RotateSecret(t.Context(), "api", "sha256:none", until); err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := s.Token(t.Context(), request(t, values("grant_type", "client_credentials"), "api", s.secret))
		return err
	}
	s.clock.Advance(24*time.Hour - time.Millisecond)
	if err := ask(); err != nil {
		t.Errorf("before its time: got %v, want a token", err)
	}
	s.clock.Advance(time.Millisecond)
	wantProblem(t, ask(), 401, "invalid_client")
}

func TestScopesAreWhatClientAndUserShare(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name, client, scope, want string
	}{
		{"none asked: the client's, as far as the user has them", "web", "", "profile read"},
		{"none asked: the client's defaults", "api", "", "read"},
		{"one of the user's", "web", "read", "read"},
		{"one outside the user's is left out", "web", "write read", "read"},
		{"repeated", "web", "read read", "read"},
		{"in the order asked for", "web", "read profile", "read profile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := values("grant_type", "password", "username", "ann", "password", password, "scope", tt.scope)
			var basic []string
			if tt.client == "api" {
				basic = []string{"api", s.secret}
			}
			token, err := s.Token(t.Context(), request(t, form, basic...))
			if err != nil {
				t.Fatal(err)
			}
			if token.Scope != tt.want || s.claims(token.AccessToken).Scope != tt.want {
				t.Errorf("got scope %q and claim %q, want %q", token.Scope, s.claims(token.AccessToken).Scope, tt.want)
			}
		})
	}
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name string
		form []string
		want []string
	}{
		{"none asked: the default", nil, []string{issuer}},
		{"the default by name", []string{"audience", issuer}, []string{issuer}},
		{"resource", []string{"resource", "https://api.example"}, []string{"https://api.example"}},
		{"audience", []string{"audience", "jobs"}, []string{"jobs"}},
		{"several, each once", []string{"resource", "https://api.example", "resource", "https://b.example", "audience", "https://api.example"},
			[]string{"https://api.example", "https://b.example"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := values(append([]string{"grant_type", "client_credentials"}, tt.form...)...)
			token, err := s.Token(t.Context(), request(t, form, "api", s.secret))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.claims(token.AccessToken).Audience); diff != "" {
				t.Errorf("aud (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientCredentialsWritesNothingAndHasNoUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if _, err := s.store.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	token, err := s.Token(t.Context(), request(t, values("grant_type", "client_credentials", "scope", "admin"), "api", s.secret))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := s.store.Changed(t.Context()); changed || err != nil {
		t.Errorf("the database changed (%v), want no write", err)
	}
	if token.RefreshToken != "" || token.ExpiresIn != 1800 || token.Scope != "admin" {
		t.Errorf("got %s, want no refresh token, 1800 s, scope admin", encode(t, token))
	}
	c := s.claims(token.AccessToken)
	if c.Subject != "api" || c.ClientID != "api" || c.AuthTime != 0 {
		t.Errorf("got sub %q, client_id %q, auth_time %d, want api, api, none", c.Subject, c.ClientID, c.AuthTime)
	}
	if _, err := s.Profile(t.Context(), c); err != provider.ErrNoUser { //nolint:errorlint // returned bare
		t.Errorf("got profile error %v, want ErrNoUser", err)
	}
}

// On another node a user may be gone a moment before the tokens' end is known.
func TestATokenOutlivesNoUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login()
	claims := s.claims(token.AccessToken)
	if err := s.store.RemoveUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Profile(t.Context(), claims); !errors.Is(err, provider.ErrUserRemoved) {
		t.Errorf("Profile: got error %v, want ErrUserRemoved", err)
	}
	if _, err := s.Username(t.Context(), claims); !errors.Is(err, provider.ErrUserRemoved) {
		t.Errorf("Username: got error %v, want ErrUserRemoved", err)
	}
}

// A client's id may be chosen to look like a user's.
func TestAClientNamedLikeAUserIsNotThatUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u, err := s.store.UserByName(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.store.Client(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	c.ID = u.ID
	if err := s.store.CreateClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	token, err := s.Token(t.Context(), request(t, values("grant_type", "client_credentials"), u.ID, s.secret))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Profile(t.Context(), s.claims(token.AccessToken)); err != provider.ErrNoUser { //nolint:errorlint // returned bare
		t.Errorf("got profile error %v, want ErrNoUser", err)
	}
	if found := s.introspect(token.AccessToken); !found.Active || found.Username != "" {
		t.Errorf("got %s, want active without a username", encode(t, found))
	}
}

func TestTokensComeFromTheSigningKeyOfNow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	before := s.login()
	next, err := s.keys.Rotate(t.Context(), keys.RS256)
	if err != nil {
		t.Fatal(err)
	}
	kid := func(token string) string {
		id, err := keys.KeyID(token)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if got := kid(s.login().AccessToken); got == next.ID {
		t.Error("an announced key signs already")
	}
	s.clock.Advance(keys.Lead)
	after := s.login()
	if got := kid(after.AccessToken); got != next.ID {
		t.Errorf("signed by %s, want the new key %s", got, next.ID)
	}
	s.wantActive("after a rotation", true, before.AccessToken, after.AccessToken)
	if _, err := s.keys.RotateNow(t.Context(), keys.EdDSA); err != nil {
		t.Fatal(err)
	}
	s.wantActive("after a rotation for a leak", false, before.AccessToken, after.AccessToken)
	s.wantActive("after a rotation for a leak", true, s.login().AccessToken, after.RefreshToken)
}

func TestReadyNeedsTheDatabaseAndAKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("got %v, want ready", err)
	}
	document, err := s.Document(t.Context())
	if err != nil || !strings.Contains(string(document.JSON), `"alg":"ES256"`) {
		t.Errorf("got key set %s (%v), want an ES256 key", document.JSON, err)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready without a database")
	}
	if _, err := s.Document(t.Context()); err == nil {
		t.Error("a key set without a database")
	}
}

func TestGrantTypesAreTheOnesThatWork(t *testing.T) {
	t.Parallel()
	want := []string{"password", "refresh_token", "client_credentials"}
	if got := provider.GrantTypes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
