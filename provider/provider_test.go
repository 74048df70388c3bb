package provider_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

const (
	issuer   = "https://auth.example"
	password = "correct horse battery"
)

// server is a provider on a store of its own, with one user and a few clients.
type server struct {
	*provider.Provider
	t      testing.TB
	clock  *storagetest.Clock
	url    string // of the database
	store  *storage.Store
	config provider.Config
	users  admin.Users
	keys   admin.Keys
	secret string // of the clients api, auditor and brought
}

func newServer(t testing.TB, change ...func(*provider.Config)) *server {
	t.Helper()
	s := &server{t: t, clock: storagetest.NewClock(time.Date(2026, 11, 25, 12, 0, 0, 500e6, time.UTC))}
	s.url = "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if strings.HasPrefix(t.Name(), "TestOnPostgres/") {
		s.url = postgrestest.Schema(t)
	}
	s.store = s.open()
	master, err := keys.ReadMaster(strings.NewReader(keys.NewMasterLine()))
	if err != nil {
		t.Fatal(err)
	}
	// Never too busy for a test.
	pool := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost, Queue: 1000, Wait: time.Hour})
	t.Cleanup(pool.Close)
	s.users = admin.Users{Store: s.store, Pool: pool}
	s.keys = admin.Keys{Store: s.store, Master: master, Now: s.clock.Now}
	if _, err := s.keys.Ensure(t.Context(), keys.ES256); err != nil {
		t.Fatal(err)
	}
	s.config = provider.Config{
		Issuer: issuer, DefaultAudience: issuer, DefaultClient: "web",
		AccessTokenTTL: 30 * time.Minute, RefreshTokenTTL: 720 * time.Hour, RefreshGrace: 10 * time.Second,
		Store: s.store, Master: master, LoadKeys: s.keys.Ring, Pool: pool, Now: s.clock.Now,
	}
	for _, f := range change {
		f(&s.config)
	}
	if s.Provider, err = provider.New(t.Context(), s.config); err != nil {
		t.Fatal(err)
	}
	s.addClients(pool)
	s.addUser("ann", "profile", "read")
	return s
}

// open opens the database as another process would.
func (s *server) open() *storage.Store {
	s.t.Helper()
	store, err := storage.Open(s.t.Context(), s.url, storage.Options{Migrate: true, Now: s.clock.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return store
}

// node is a second provider on the same database, through a store of its own.
func (s *server) node() *provider.Provider {
	s.t.Helper()
	c := s.config
	c.Store = s.open()
	k := s.keys
	k.Store = c.Store
	c.LoadKeys = k.Ring
	p, err := provider.New(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *server) addClients(pool *credentials.Pool) {
	s.t.Helper()
	s.secret = credentials.GenerateSecret()
	brought, err := credentials.NewSecrets(pool).HashBrought(s.t.Context(), "p%20ss+wörd: 16 chars")
	if err != nil {
		s.t.Fatal(err)
	}
	hash := credentials.HashSecret(s.secret)
	all := []string{"password", "refresh_token", "client_credentials"}
	for _, c := range []storage.Client{
		{ID: "web", Public: true, Grants: all[:2], Scopes: []string{"profile", "read", "write"}},
		{ID: "other", Public: true, Grants: all[:2], Scopes: []string{"profile"}},
		{ID: "once", Public: true, Grants: all[:1], Scopes: []string{"profile"}},
		{ID: "api", SecretHash: hash, Grants: all, Scopes: []string{"profile", "read", "admin"}, DefaultScopes: []string{"read"},
			Audiences: []string{"https://api.example", "https://b.example", "jobs"}},
		{ID: "auditor", SecretHash: hash, Introspect: true},
		{ID: "brought", SecretHash: brought, Grants: all, Scopes: []string{"profile"}},
		{ID: "off", SecretHash: hash, Grants: all, Scopes: []string{"profile"}, Disabled: true},
	} {
		if err := s.store.CreateClient(s.t.Context(), c); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *server) addUser(name string, scopes ...string) storage.User {
	s.t.Helper()
	u, err := s.users.Add(s.t.Context(), admin.NewUser{Username: name, Scopes: scopes}, password)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// values makes a form of name and value pairs.
func values(pairs ...string) url.Values {
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Add(pair[0], pair[1])
	}
	return form
}

func request(t testing.TB, form url.Values, basic ...string) *provider.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(basic) == 2 {
		r.SetBasicAuth(basic[0], basic[1])
	}
	parsed, err := provider.ReadRequest(r, []byte(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// token asks the token endpoint as the public client web, or as client_id says.
func (s *server) token(pairs ...string) (*provider.Token, error) {
	return s.Token(s.t.Context(), request(s.t, values(pairs...)))
}

func (s *server) mustToken(pairs ...string) *provider.Token {
	s.t.Helper()
	token, err := s.token(pairs...)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func (s *server) login(pairs ...string) *provider.Token {
	s.t.Helper()
	return s.mustToken(append([]string{"grant_type", "password", "username", "ann", "password", password}, pairs...)...)
}

func (s *server) refresh(token string, pairs ...string) (*provider.Token, error) {
	return s.token(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

func (s *server) introspect(token string) *provider.Introspection {
	s.t.Helper()
	found, err := s.Introspect(s.t.Context(), request(s.t, values("token", token), "auditor", s.secret))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

func (s *server) revoke(token, client string) {
	s.t.Helper()
	if err := s.Revoke(s.t.Context(), request(s.t, values("token", token, "client_id", client))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) claims(token string) accesstoken.Claims {
	s.t.Helper()
	payload, err := s.KeySet().Verify(s.t.Context(), token, accesstoken.Type)
	if err != nil {
		s.t.Fatal(err)
	}
	claims, err := accesstoken.Parse(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return claims
}

// wantActive checks what introspection says of each token.
func (s *server) wantActive(what string, want bool, tokens ...string) {
	s.t.Helper()
	for i, token := range tokens {
		if got := s.introspect(token).Active; got != want {
			s.t.Errorf("%s: token %d: active is %v, want %v", what, i, got, want)
		}
	}
}

// learn waits until what another process committed is known here: at once on an
// embedded database, within a second on a server.
func (s *server) learn(token string) {
	s.t.Helper()
	if strings.HasPrefix(s.url, "sqlite:") {
		return
	}
	claims := s.claims(token)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if active, err := s.Active(s.t.Context(), claims); err != nil || !active {
			return
		}
	}
}

// knows demands what must hold at the next request on an embedded database, and
// within a second on a server, where another process made the change.
func (s *server) knows(holds func() bool) {
	s.t.Helper()
	patience := time.Second
	if strings.HasPrefix(s.url, "sqlite:") {
		patience = 0
	}
	for deadline := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			s.t.Fatalf("the change is not known after %s", patience)
		}
	}
}

// wantProblem checks that err is a problem of that status and code.
func wantProblem(t testing.TB, err error, status int, code string) *provider.Problem {
	t.Helper()
	var p *provider.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got error %v, want %d %s", err, status, code)
	}
	if p.Status != status || p.Code != code {
		t.Errorf("got %d %s (%s), want %d %s", p.Status, p.Code, p.Description, status, code)
	}
	return p
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func asProblem(err error, p **provider.Problem) bool { return errors.As(err, p) }
