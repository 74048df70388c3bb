package storage_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/internal/openapitest"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

// node is one server.
type node struct {
	http.Handler
	name string
	lag  time.Duration // until what another node ended has ended here
}

// world is a whole server on a database that can go wrong, and a second one on the
// same database that can't, and tells what really happened.
type world struct {
	*injector
	t           *testing.T
	sick, sound *node
	users       *admin.Users
	dear        *credentials.Pool // hashes at another cost than the servers
	secrets     map[string]string
	names       int
	user        string // of this try
	operator    string // access token that may administer

	changed time.Time // when something last may have ended
	by      *node     // which said that it did; nil where none did
}

const worldPassword = "correct horse battery"

func newWorld(t *testing.T, e faultEngine) *world {
	t.Helper()
	faults := &injector{}
	store, other := e.open(t, faults)
	pool := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost})
	dear := credentials.NewPool(credentials.PoolConfig{Cost: credentials.MinCost + 1})
	t.Cleanup(pool.Close)
	t.Cleanup(dear.Close)
	w := &world{injector: faults, t: t, users: &admin.Users{Store: other, Pool: pool}, dear: dear, secrets: map[string]string{}}
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
		{ID: "ops", Grants: []string{"client_credentials"}, Scopes: []string{"usher:admin"}},
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
		routes := adminapi.Routes(adminapi.Config{
			Users: &admin.Users{Store: s, Pool: pool}, Clients: &admin.Clients{Store: s, Secrets: credentials.NewSecrets(pool)},
			Sessions: &admin.Sessions{Store: s}, Tokens: &admin.Tokens{Store: s}, Throttle: &admin.Throttle{Store: s},
			Keys:     func(context.Context) (*admin.Keys, error) { return &admin.Keys{Store: s, Master: master}, nil },
			EndToken: p.EndToken,
		})
		h, err := handlers.New(handlers.Config{Provider: p, Issuer: issuer, Administration: routes, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return h.Public
	}
	w.sick, w.sound = &node{openapitest.Handler(handler(store), func(err error) { t.Error(err) }), "the server", e.lag}, &node{handler(other), "another node", e.otherLag}
	if store.Path() != "" {
		store.Intercept(w.around)
	}
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

func (w *world) send(h *node, method, target, client, bearer string, fields ...string) answer {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.sendBody(h, method, target, client, bearer, "application/x-www-form-urlencoded", form.Encode())
}

func (w *world) sendBody(h *node, method, target, client, bearer, kind, body string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", kind)
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

func (w *world) login(h *node, password string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/token", "", "", "grant_type", "password", "username", w.user, "password", password)
}

func (w *world) mustLogin(h *node) tokens {
	w.t.Helper()
	a := w.login(h, worldPassword)
	if a.status != http.StatusOK {
		w.t.Fatalf("login: got %d %s", a.status, a.body)
	}
	return a.tokens
}

func (w *world) refresh(h *node, token string) answer {
	w.t.Helper()
	a := w.send(h, http.MethodPost, "/token", "", "", "grant_type", "refresh_token", "refresh_token", token)
	w.changed, w.by = time.Now(), nil
	return a
}

func (w *world) revoke(h *node, token string) answer {
	w.t.Helper()
	a := w.send(h, http.MethodPost, "/revoke", "", "", "client_id", "web", "token", token)
	w.ended(h, a)
	return a
}

// revokeElsewhere revokes at the sound server. A sick one that hears of it later than
// at its next request has heard when this returns.
func (w *world) revokeElsewhere(token string) {
	w.t.Helper()
	w.revoke(w.sound, token)
	if w.sick.lag > 0 {
		w.lives(false, "what another node revoked", token)
	}
}

func (w *world) changePassword(h *node, bearer string) answer {
	w.t.Helper()
	a := w.send(h, http.MethodPut, "/users/me/password", "", bearer, "current_password", worldPassword, "new_password", nextPassword)
	w.ended(h, a)
	return a
}

// ended remembers who said that something ended, and must know it from now on.
func (w *world) ended(h *node, a answer) {
	w.changed, w.by = time.Now(), nil
	if a.status < 300 {
		w.by = h
	}
}

func (w *world) introspect(h *node, token string) answer {
	w.t.Helper()
	return w.send(h, http.MethodPost, "/introspect", "api", "", "token", token)
}

// active asks a server of a token, and demands a plain answer.
func (w *world) active(h *node, token string) bool {
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

// lives holds both servers to what a token is now. One that has ended may live for
// the node's lag, but not where its end was acknowledged (RFC 7009 §2), nor as a
// refresh token, which is looked up each time.
func (w *world) lives(want bool, what, token string) {
	w.t.Helper()
	for _, h := range []*node{w.sick, w.sound} {
		lag := h.lag
		if want || h == w.by || !strings.HasPrefix(token, "ey") {
			lag = 0
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			asked := time.Now()
			got := w.active(h, token)
			if got == want {
				break
			}
			if asked.Sub(w.changed) >= lag {
				w.t.Errorf("%s: active is %t at %s, want %t", what, got, h.name, want)
				break
			}
			<-tick.C
		}
	}
}

// revoked reads in the database whether an access token was revoked.
func (w *world) revoked(token string) bool {
	w.t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims struct{ Jti string }
	if err := errors.Join(err, json.Unmarshal(payload, &claims)); err != nil {
		w.t.Fatal(err)
	}
	_, err = w.users.Store.Revocation(w.t.Context(), storage.KindToken, claims.Jti)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
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
