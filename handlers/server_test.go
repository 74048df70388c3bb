package handlers_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/internal/openapitest"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

const (
	issuer   = "https://auth.example.com"
	password = "correct horse"
)

// testServer is the whole server but for its sockets. It knows the users ann
// (scopes profile and read) and bob (read only), the public client web, which is
// the default one, and the confidential clients api, which may introspect, and
// job, which has client_credentials.
type testServer struct {
	t       testing.TB
	public  http.Handler
	config  handlers.Config
	admin   http.Handler
	store   *storage.Store
	pool    *credentials.Pool
	users   *admin.Users
	secrets map[string]string // by client id
	log     *logBuffer
}

// settings are what a test may change of a server.
type settings struct {
	handlers.Config
	pool credentials.PoolConfig
	now  func() time.Time // the database's clock; this machine's where nil
}

// still stops the clock.
func still(c *settings) {
	now := time.Now()
	c.now = func() time.Time { return now }
}

// newServer makes a server whose issuer and default audience are issuer, unless
// change says other.
func newServer(t testing.TB, change ...func(*settings)) *testServer {
	t.Helper()
	ctx := t.Context()
	s := &testServer{t: t, secrets: map[string]string{}, log: &logBuffer{}}
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := settings{
		Config: handlers.Config{Issuer: issuer, Version: "v1.2.3", Log: logger},
		pool:   credentials.PoolConfig{Cost: credentials.MinCost},
	}
	for _, f := range change {
		f(&c)
	}

	store, err := storage.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), storage.Options{Migrate: true, Now: c.now})
	check(t, err)
	t.Cleanup(func() { store.Close() })
	s.store = store
	s.pool = credentials.NewPool(c.pool)
	t.Cleanup(s.pool.Close)
	master, err := keys.ReadMaster(strings.NewReader(keys.NewMasterLine()))
	check(t, err)
	signing := &admin.Keys{Store: store, Master: master}
	_, err = signing.Ensure(ctx, keys.ES256)
	check(t, err)

	s.users = &admin.Users{Store: store, Pool: s.pool}
	s.addUser("ann", "profile", "read")
	s.addUser("bob", "read")
	s.addClient(admin.NewClient{ID: "web", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile", "read"}})
	s.addClient(admin.NewClient{ID: "api", Introspect: true})
	s.addClient(admin.NewClient{ID: "job", Grants: []string{"client_credentials"}, Scopes: []string{"profile"}})

	p, err := provider.New(ctx, provider.Config{
		Issuer:          c.Issuer,
		DefaultAudience: cmp.Or(c.DefaultAudience, c.Issuer),
		DefaultClient:   "web",
		AccessTokenTTL:  30 * time.Minute,
		RefreshTokenTTL: time.Hour,
		Store:           store,
		Master:          master,
		LoadKeys:        signing.Ring,
		Pool:            s.pool,
		Log:             slog.New(slog.DiscardHandler),
	})
	check(t, err)
	c.Provider = p
	c.Hashing = s.pool.Stats
	c.Administration = adminapi.Routes(adminapi.Config{
		Users: s.users, Clients: &admin.Clients{Store: store, Secrets: credentials.NewSecrets(s.pool)},
		Sessions: &admin.Sessions{Store: store}, Tokens: &admin.Tokens{Store: store}, Throttle: &admin.Throttle{Store: store},
		Keys:     func(context.Context) (*admin.Keys, error) { return signing, nil },
		EndToken: p.EndToken,
	})
	h, err := handlers.New(c.Config)
	check(t, err)
	s.public = h.Public
	s.config = c.Config
	if _, benchmark := t.(*testing.B); !benchmark {
		s.public = openapitest.Handler(s.public, func(err error) { t.Error(err) })
	}
	s.admin = h.Admin
	return s
}

func (s *testServer) addUser(name string, scopes ...string) {
	s.t.Helper()
	_, err := s.users.Add(s.t.Context(), admin.NewUser{
		Username: name, Email: name + "@example.com", FullName: strings.ToUpper(name), Scopes: scopes,
	}, password)
	check(s.t, err)
}

func (s *testServer) addClient(c admin.NewClient) {
	s.t.Helper()
	clients := &admin.Clients{Store: s.store, Secrets: credentials.NewSecrets(s.pool)}
	_, secret, err := clients.Add(s.t.Context(), c, "")
	check(s.t, err)
	s.secrets[c.ID] = secret
}

// ask sends a request to the public address.
func (s *testServer) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	return ask(s.t, s.public, method, target, body, headers...)
}

// ask sends a request with headers of the form "Name: value" to h.
func ask(t testing.TB, h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, newRequest(t, method, target, body, headers...))
	return w
}

func newRequest(t testing.TB, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, target, r)
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		if !ok {
			t.Fatalf("header %q has no colon", h)
		}
		req.Header.Add(name, value)
	}
	return req
}

const form = "Content-Type: application/x-www-form-urlencoded"

// post sends fields, in pairs, as a form.
func (s *testServer) post(target string, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.ask(http.MethodPost, target, encode(fields...), form)
}

// postAs is post by a confidential client.
func (s *testServer) postAs(client, target string, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := newRequest(s.t, http.MethodPost, target, encode(fields...), form)
	r.SetBasicAuth(client, s.secrets[client])
	w := httptest.NewRecorder()
	s.public.ServeHTTP(w, r)
	return w
}

func encode(fields ...string) string {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v.Encode()
}

// tokens is a successful answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
}

// login gets tokens for a user at the default client.
func (s *testServer) login(user string) tokens {
	s.t.Helper()
	return decode[tokens](s.t, s.post("/token", "grant_type", "password", "username", user, "password", password))
}

// bearer returns the header that presents a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// decode reads a successful answer.
func decode[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if w.Code != http.StatusOK {
		t.Fatalf("status: got %d %s, want 200", w.Code, w.Body)
	}
	check(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

// wantProblem checks that w is an error answer with a code and a description.
func wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body: got %q, want a JSON object of strings: %v", w.Body, err)
	}
	if w.Code != status || body["error"] != code || body["error_description"] == "" {
		t.Errorf("got %d %s, want %d with error %q and a description", w.Code, w.Body, status, code)
	}
	if strings.ContainsFunc(body["error_description"], func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		t.Errorf("error_description: got %q, want the characters of RFC 6749, section 5.2", body["error_description"])
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q, want application/json", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control of an error: got %q, want no-store", got)
	}
}

func wantHeader(t testing.TB, w *httptest.ResponseRecorder, name, want string) {
	t.Helper()
	if got := strings.Join(w.Header().Values(name), " | "); got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// golden compares JSON with testdata/name.golden, indented to be read.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	check(t, json.Indent(&pretty, got, "", "  "))
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name+".golden")
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(path, pretty.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := gocmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logBuffer keeps what a server logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lines returns the lines with a message, oldest first.
func (b *logBuffer) lines(t testing.TB, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var attrs map[string]any
		check(t, json.Unmarshal([]byte(line), &attrs))
		if attrs["msg"] == msg {
			found = append(found, attrs)
		}
	}
	return found
}

// last returns the last line with a message.
func (b *logBuffer) last(t testing.TB, msg string) map[string]any {
	t.Helper()
	lines := b.lines(t, msg)
	if len(lines) == 0 {
		t.Fatalf("log has no line %q:\n%s", msg, b)
	}
	return lines[len(lines)-1]
}

// serve answers r by h.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// machineToken gets a token that stands for the client job alone.
func (s *testServer) machineToken() string {
	s.t.Helper()
	return decode[tokens](s.t, s.postAs("job", "/token", "grant_type", "client_credentials")).Access
}
