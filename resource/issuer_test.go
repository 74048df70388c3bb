package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/resource"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const audience = "https://api.example"

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: epoch} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// issuer is an authorization server with real keys. It serves its metadata and
// its key set, and remembers who asked for what.
type issuer struct {
	URL string
	*clock

	mu       sync.Mutex
	ring     *keys.Ring
	requests []string                  // paths, and "304" after one that was
	answer   func(http.ResponseWriter) // instead of the key set, if set
	header   http.Header               // added to the key set
}

func newIssuer(tb testing.TB) *issuer {
	tb.Helper()
	i := &issuer{clock: newClock(), ring: newRing(tb), header: make(http.Header)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jwks.json", i.serveKeys)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/jwks.json")
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.requests = append(i.requests, r.URL.Path)
		i.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

func (i *issuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.answer != nil {
		i.answer(w)
		return
	}
	d := i.ring.Document(i.Now())
	w.Header().Set("ETag", d.ETag)
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(d.MaxAge.Seconds())))
	for name, values := range i.header {
		w.Header()[name] = values
	}
	if r.Header.Get("If-None-Match") == d.ETag {
		i.requests = append(i.requests, "304")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(d.JSON)
}

// set changes the issuer under its lock.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// up makes the issuer serve its keys again.
func (i *issuer) up() { i.set(func() { i.answer = nil }) }

// asked returns the requests since it was called last.
func (i *issuer) asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	requests := i.requests
	i.requests = nil
	return requests
}

func (i *issuer) claims() accesstoken.Claims {
	return accesstoken.Claims{
		Issuer: i.URL, Subject: "u1", Audience: []string{audience}, Expiry: i.Now().Add(time.Hour).Unix(), IssuedAt: i.Now().Unix(),
		ID: accesstoken.NewID(accesstoken.ID{ClientEpoch: "c"}), ClientID: "app", Scope: "profile orders:read",
	}
}

func (i *issuer) token(tb testing.TB) string {
	tb.Helper()
	return i.sign(tb, i.claims())
}

func (i *issuer) sign(tb testing.TB, c accesstoken.Claims) string {
	tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	token, err := accesstoken.Sign(i.ring, i.Now(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// replaceKeys gives the issuer a new key and no other, so that old key sets
// lack it.
func (i *issuer) replaceKeys(tb testing.TB) {
	tb.Helper()
	ring := newRing(tb)
	i.set(func() { i.ring = ring })
}

func newRing(tb testing.TB) *keys.Ring {
	tb.Helper()
	k, err := keys.Generate(keys.ES256)
	if err != nil {
		tb.Fatal(err)
	}
	k.CreatedAt, k.SignsFrom = epoch, epoch.Add(-time.Hour)
	return keys.NewRing([]keys.Key{k})
}

// api returns a resource of the issuer, changed as the test wants it.
func (i *issuer) api(tb testing.TB, changes ...func(*resource.Config)) *resource.Resource {
	tb.Helper()
	c := resource.Config{Issuer: i.URL, Audience: audience, JWKSURL: i.URL + "/jwks.json", Now: i.Now}
	for _, change := range changes {
		change(&c)
	}
	r, err := resource.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
