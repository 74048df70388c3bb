package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/internal/openapitest"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

// fault says which statement of a request goes wrong, and how.
type fault struct {
	nth     int  // counted from 1
	ran     bool // it runs, and its answer is lost
	lasting bool // and every later statement goes the same way
}

func (f fault) String() string {
	how := "does not run"
	if f.ran {
		how = "runs and its answer is lost"
	}
	if f.lasting {
		how += ", like all after it"
	}
	return fmt.Sprintf("statement %d %s", f.nth, how)
}

// errFault is what a statement that goes wrong says. No client may read it.
var errFault = errors.New("SELECT of a secret: disk I/O error")

// injector makes statements go wrong. It is safe for concurrent use.
type injector struct {
	mu     sync.Mutex
	armed  *fault
	seen   int
	struck []string
}

func (f *injector) arm(next fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.seen, f.struck = &next, 0, nil
}

// disarm returns the statements that went wrong.
func (f *injector) disarm() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
	return f.struck
}

func (f *injector) around(statement string, run func() error) error {
	strikes, ran := f.next(statement)
	if !strikes {
		return run()
	}
	// Nothing in SQLite can keep a ROLLBACK from running.
	if ran || statement == "ROLLBACK" {
		_ = run() // whatever it says is lost
	}
	return errFault
}

func (f *injector) next(statement string) (strikes, ran bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed == nil {
		return false, false
	}
	f.seen++
	if f.seen != f.armed.nth && (f.seen < f.armed.nth || !f.armed.lasting) {
		return false, false
	}
	f.struck = append(f.struck, statement)
	return true, f.armed.ran
}

// world is a whole server on a database that can go wrong, and a second one on the
// same database that can't, and tells what really happened.
type world struct {
	*injector
	t           *testing.T
	sick, sound http.Handler
	users       *admin.Users
	dear        *credentials.Pool // hashes at another cost than the servers
	secrets     map[string]string
	names       int
	user        string // of this try
}

const worldPassword = "correct horse battery"

func newWorld(t *testing.T, open func(storage.Options) *storage.Store) *world {
	t.Helper()
	store, other := open(storage.Options{Migrate: true}), open(storage.Options{})
	pool := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost})
	dear := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost + 1})
	t.Cleanup(pool.Close)
	t.Cleanup(dear.Close)
	w := &world{injector: &injector{}, t: t, users: &admin.Users{Store: other, Pool: pool}, dear: dear, secrets: map[string]string{}}
	master, err := keys.ReadMaster(strings.NewReader(keys.NewMasterLine()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&admin.Keys{Store: other, Master: master}).Ensure(t.Context(), keys.ES256); err != nil {
		t.Fatal(err)
	}
	clients := &admin.Clients{Store: other, Secrets: credentials.NewSecrets(pool)}
	for _, c := range []admin.NewClient{
		{ID: "web", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}},
		{ID: "api", Introspect: true},
		{ID: "job", Grants: []string{"client_credentials"}, Scopes: []string{"profile"}},
	} {
		_, secret, err := clients.Add(t.Context(), c, "")
		if err != nil {
			t.Fatal(err)
		}
		w.secrets[c.ID] = secret
	}
	handler := func(s *storage.Store) http.Handler {
		t.Helper()
		const issuer = "https://auth.example.com"
		p, err := provider.New(t.Context(), provider.Config{
			Issuer: issuer, DefaultAudience: issuer, DefaultClient: "web",
			AccessTokenTTL: time.Hour, RefreshTokenTTL: 24 * time.Hour, RefreshGrace: time.Hour / 2,
			Store: s, Master: master, LoadKeys: (&admin.Keys{Store: s, Master: master}).Ring, Pool: pool,
		})
		if err != nil {
			t.Fatal(err)
		}
		h, err := handlers.New(handlers.Config{Provider: p, Issuer: issuer, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return openapitest.Handler(h.Public, func(err error) { t.Error(err) })
	}
	store.Intercept(w.around)
	w.sick, w.sound = handler(store), handler(other)
	return w
}

// newUser makes w.user somebody who was never here.
func (w *world) newUser(pool *credentials.Pool) {
	w.t.Helper()
	w.names++
	w.user = fmt.Sprint("user", w.names)
	users := &admin.Users{Store: w.users.Store, Pool: pool}
	if _, err := users.Add(w.t.Context(), admin.NewUser{Username: w.user, Scopes: []string{"profile"}}, worldPassword); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what a server says.
type answer struct {
	status int
	header http.Header
	body   string
	tokens
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (w *world) send(h http.Handler, method, target, client, bearer string, fields ...string) answer {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(form.Encode()))
	if len(form) > 0 {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if client != "" {
		r.SetBasicAuth(client, w.secrets[client])
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	if strings.HasPrefix(target, "/token") && a.status == http.StatusOK {
		if err := json.Unmarshal(recorder.Body.Bytes(), &a.tokens); err != nil {
			w.t.Fatalf("%s: %v", a.body, err)
		}
	}
	return a
}

func (w *world) login(h http.Handler, password string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/token", "", "", "grant_type", "password", "username", w.user, "password", password)
}

func (w *world) mustLogin(h http.Handler) tokens {
	w.t.Helper()
	a := w.login(h, worldPassword)
	if a.status != http.StatusOK {
		w.t.Fatalf("login: got %d %s", a.status, a.body)
	}
	return a.tokens
}

func (w *world) refresh(h http.Handler, token string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/token", "", "", "grant_type", "refresh_token", "refresh_token", token)
}

func (w *world) revoke(h http.Handler, token string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/revoke", "", "", "client_id", "web", "token", token)
}

func (w *world) introspect(h http.Handler, token string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/introspect", "api", "", "token", token)
}

// active asks a server of a token, and demands a plain answer.
func (w *world) active(h http.Handler, token string) bool {
	w.t.Helper()
	a := w.introspect(h, token)
	var found struct{ Active bool }
	if err := json.Unmarshal([]byte(a.body), &found); err != nil || a.status != http.StatusOK {
		w.t.Fatalf("introspection: got %d %s", a.status, a.body)
	}
	if !found.Active && strings.TrimSpace(a.body) != `{"active":false}` {
		w.t.Errorf("introspection: got %s, want inactive and nothing else", a.body)
	}
	return found.Active
}

// lives holds both servers to what a token is now.
func (w *world) lives(want bool, what, token string) {
	w.t.Helper()
	for name, h := range map[string]http.Handler{"the server": w.sick, "another node": w.sound} {
		if got := w.active(h, token); got != want {
			w.t.Errorf("%s: active is %t at %s, want %t", what, got, name, want)
		}
	}
}

// grantOfUser tells whether the user of this try has a login, of which there is one
// at most.
func (w *world) grantOfUser() bool {
	w.t.Helper()
	n, err := w.users.Store.GrantsOf(w.t.Context(), w.user)
	if err != nil || n > 1 {
		w.t.Errorf("got %d logins (%v), want one at most", n, err)
	}
	return n > 0
}
