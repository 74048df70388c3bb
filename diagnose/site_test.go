package diagnose_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

const (
	page     = "https://app.example.com" // origin of a page
	password = "correct horse"
)

// site is a whole usher behind a front that may break something. It knows the user
// ann and the public client web, which is the default one.
type site struct {
	t testing.TB
	siteConfig

	URL       string // by which clients reach the front
	transport *http.Transport
	database  string // file
	masterKey string // file
	store     *storage.Store
	master    *keys.Master
	users     *admin.Users
	clients   *admin.Clients
	keys      *admin.Keys
	admin     http.Handler
	public    http.Handler
}

// siteConfig is what a test may change.
type siteConfig struct {
	path     string                                 // of the issuer
	host     string                                 // instead of 127.0.0.1 and the port
	tls      *tls.Config                            // of the front; nil: plain http
	issuer   func(front string) string              // the --issuer, where it is not the front
	front    func(*site, http.Handler) http.Handler // what stands before the server
	audience string                                 // --default-audience
	origins  []string                               // --cors-origins
	ready    func(context.Context) error
	raw      func(net.Conn) // what listens is no HTTP server at all
	roots    bool           // trust the test's CA
}

// newSite starts a server. Nothing is wrong with it, unless change breaks it.
func newSite(t testing.TB, change ...func(*siteConfig)) *site {
	t.Helper()
	s := &site{t: t, siteConfig: siteConfig{origins: []string{page}, roots: true}}
	for _, f := range change {
		f(&s.siteConfig)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	s.listen(l)
	if s.raw != nil {
		go serveRaw(l, s.raw)
		t.Cleanup(func() { l.Close() })
		return s
	}

	dir := t.TempDir()
	s.database, s.masterKey = filepath.Join(dir, "usher.db"), filepath.Join(dir, "usher.db.key")
	line := keys.NewMasterLine()
	check(t, os.WriteFile(s.masterKey, []byte(line+"\n"), 0o600))
	s.master, err = keys.ReadMaster(strings.NewReader(line))
	check(t, err)
	s.store, err = storage.Open(t.Context(), "sqlite:"+s.database, storage.Options{Migrate: true})
	check(t, err)
	t.Cleanup(func() { s.store.Close() })
	s.build()

	handler := s.public
	if s.front != nil {
		handler = s.front(s, handler)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}, TLS: s.tls}
	if s.tls != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return s
}

// listen settles by which URL the server at l is reached.
func (s *site) listen(l net.Listener) {
	u := url.URL{Scheme: "http", Host: l.Addr().String(), Path: s.path}
	if s.tls != nil {
		u.Scheme = "https"
	}
	s.transport = &http.Transport{}
	if s.host != "" {
		u.Host = s.host
	}
	// As the name would lead there.
	s.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.host != "" && strings.HasPrefix(address, s.host+":") {
			address = l.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	if s.roots {
		s.transport.TLSClientConfig = &tls.Config{RootCAs: ca.pool}
	}
	s.URL = u.String()
}

// build makes the server, as cmd/usher does.
func (s *site) build() {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	pool := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost})
	t.Cleanup(pool.Close)
	s.users = &admin.Users{Store: s.store, Pool: pool}
	s.clients = &admin.Clients{Store: s.store, Secrets: credentials.NewSecrets(pool)}
	s.keys = &admin.Keys{Store: s.store, Master: s.master}
	_, err := s.keys.Ensure(ctx, keys.ES256)
	check(t, err)
	_, err = s.users.Add(ctx, admin.NewUser{Username: "ann", Scopes: []string{"profile"}}, password)
	check(t, err)
	_, _, err = s.clients.Add(ctx, admin.NewClient{ID: "web", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}}, "")
	check(t, err)

	issuer := s.URL
	if s.issuer != nil {
		issuer = s.issuer(s.URL)
	}
	p, err := provider.New(ctx, provider.Config{
		Issuer: issuer, DefaultAudience: cmp.Or(s.audience, issuer), DefaultClient: "web",
		AccessTokenTTL: 30 * time.Minute, RefreshTokenTTL: time.Hour, RefreshGrace: time.Second,
		Store: s.store, Master: s.master, LoadKeys: s.keys.Ring, Pool: pool, Log: slog.New(slog.DiscardHandler),
	})
	check(t, err)
	h, err := handlers.New(handlers.Config{
		Provider: p, Issuer: issuer, DefaultAudience: s.audience, CORSOrigins: s.origins, Ready: s.ready, Log: slog.New(slog.DiscardHandler),
	})
	check(t, err)
	s.public, s.admin = h.Public, h.Admin
	if s.path != "" {
		s.public = stripping(s.path, h.Public)
	}
}

// stripping is a proxy for an issuer with a path, as docs/operating.md wants it.
func stripping(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, path); ok {
			r.URL.Path = rest
		} else if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveRaw hands each connection to talk.
func serveRaw(l net.Listener, talk func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			talk(c)
		}()
	}
}

// tokens is an answer of /token.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// ann is the form of her login.
var ann = url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {password}}

// login logs ann in.
func (s *site) login() tokens {
	s.t.Helper()
	return s.token(ann)
}

// letsIn reports whether ann can log in, as on a new site.
func (s *site) letsIn() bool {
	s.t.Helper()
	status, _ := s.post("/token", ann)
	return status == http.StatusOK
}

func (s *site) token(form url.Values) tokens {
	s.t.Helper()
	status, body := s.post("/token", form)
	if status != http.StatusOK {
		s.t.Fatalf("POST /token: got %d %s", status, body)
	}
	var answer tokens
	check(s.t, json.Unmarshal([]byte(body), &answer))
	return answer
}

// post sends a form to the server itself, past the front.
func (s *site) post(path string, form url.Values) (int, string) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, s.path+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.public.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
