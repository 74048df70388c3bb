package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
	"github.com/usher-oauth/usher/storage"
)

// day is when these tests happen.
var day = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func newClients(tb testing.TB) *admin.Clients {
	tb.Helper()
	return &admin.Clients{
		Store:   openStore(tb),
		Secrets: credentials.NewSecrets(newPool(tb)),
		Now:     func() time.Time { return day },
	}
}

func TestAddClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		new  admin.NewClient
		want storage.Client
	}{
		{
			"public",
			admin.NewClient{ID: "demo", Name: "Demo", Public: true, Grants: []string{"password", "refresh_token"}},
			storage.Client{ID: "demo", Name: "Demo", Public: true, Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}},
		},
		{
			"confidential, with everything",
			admin.NewClient{
				ID: "api", Grants: []string{"client_credentials"}, Scopes: []string{"a", "b"}, DefaultScopes: []string{"b"},
				Audiences: []string{"https://api.example.com/v1", "urn:example:api", "orders"}, Introspect: true,
			},
			storage.Client{
				ID: "api", Grants: []string{"client_credentials"}, Scopes: []string{"a", "b"}, DefaultScopes: []string{"b"},
				Audiences: []string{"https://api.example.com/v1", "urn:example:api", "orders"}, Introspect: true,
			},
		},
		{
			"each word twice",
			admin.NewClient{ID: "twice", Grants: []string{"password", "refresh_token", "password"}, Audiences: []string{"a", "b", "a"}},
			storage.Client{ID: "twice", Grants: []string{"password", "refresh_token"}, Scopes: []string{"profile"}, Audiences: []string{"a", "b"}},
		},
		{
			"only introspects",
			admin.NewClient{ID: "gateway", Introspect: true},
			storage.Client{ID: "gateway", Introspect: true, Scopes: []string{"profile"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clients := newClients(t)
			got, generated, err := clients.Add(t.Context(), tt.new, "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(storage.Client{}, "SecretHash", "Epoch", "CreatedAt")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (generated == "") != tt.new.Public {
				t.Errorf("got generated secret %q, want one for confidential clients only", generated)
			}
			if ok, err := clients.Secrets.Check(t.Context(), got.SecretHash, generated); err != nil || ok == tt.new.Public {
				t.Errorf("checking the secret: got %t, %v, want %t", ok, err, !tt.new.Public)
			}
			shown, err := clients.Show(t.Context(), tt.new.ID)
			if diff := cmp.Diff(got, shown); err != nil || diff != "" {
				t.Errorf("shown: %v (-want +got):\n%s", err, diff)
			}
			if _, _, err := clients.Add(t.Context(), tt.new, ""); !errors.Is(err, storage.ErrExists) || !strings.HasSuffix(err.Error(), "already exists") {
				t.Errorf("second time: got %v, want ErrExists in words", err)
			}
		})
	}
}

func TestAddClientWithBroughtSecret(t *testing.T) {
	t.Parallel()
	clients := newClients(t)
	new := admin.NewClient{ID: "api", Introspect: true}
	if _, _, err := clients.Add(t.Context(), new, "too short"); !errors.Is(err, credentials.ErrSecret) {
		t.Errorf("short secret: got %v, want ErrSecret", err)
	}
	got, generated, err := clients.Add(t.Context(), new, "correct horse battery")
	if err != nil || generated != "" {
		t.Fatalf("got generated %q, %v, want none", generated, err)
	}
	if ok, err := clients.Secrets.Check(t.Context(), got.SecretHash, "correct horse battery"); err != nil || !ok {
		t.Errorf("checking the secret: got %t, %v, want true", ok, err)
	}
}

func TestAddClientObeysRules(t *testing.T) {
	t.Parallel()
	clients := newClients(t)
	password := []string{"password"}
	for _, tt := range []struct {
		name   string
		new    admin.NewClient
		secret string
		is     error
		want   string
	}{
		{"id", admin.NewClient{ID: "a b", Grants: password}, "", credentials.ErrClientID, `client id "a b"`},
		{"name", admin.NewClient{ID: "a", Name: "A\n", Grants: password}, "", admin.ErrRefused, "client name has the control character U+000A"},
		{"no grants", admin.NewClient{ID: "a"}, "", admin.ErrRefused, `client "a" has no grants`},
		{"unknown grant", admin.NewClient{ID: "a", Grants: []string{"implicit"}}, "", admin.ErrRefused, `unknown grant "implicit": use password, refresh_token, client_credentials`},
		{"public with a secret", admin.NewClient{ID: "a", Public: true, Grants: password}, "correct horse battery", admin.ErrRefused, "a public client has no secret"},
		{"public as itself", admin.NewClient{ID: "a", Public: true, Grants: []string{"client_credentials"}}, "", admin.ErrRefused, "can't have the grant client_credentials"},
		{"public that introspects", admin.NewClient{ID: "a", Public: true, Grants: password, Introspect: true}, "", admin.ErrRefused, "can't introspect"},
		{"malformed scope", admin.NewClient{ID: "a", Grants: password, Scopes: []string{"é"}}, "", scope.ErrMalformed, `scope "é"`},
		{"default beyond scopes", admin.NewClient{ID: "a", Grants: password, Scopes: []string{"a"}, DefaultScopes: []string{"a", "b"}}, "", admin.ErrRefused, `default scope "b"`},
		{"default beyond default", admin.NewClient{ID: "a", Grants: password, DefaultScopes: []string{"b"}}, "", admin.ErrRefused, `default scope "b"`},
		{"empty audience", admin.NewClient{ID: "a", Grants: password, Audiences: []string{""}}, "", admin.ErrRefused, "an audience is empty"},
		{"audience with a fragment", admin.NewClient{ID: "a", Grants: password, Audiences: []string{"https://api.example.com/#x"}}, "", admin.ErrRefused, "has a fragment"},
		{"audience with an empty fragment", admin.NewClient{ID: "a", Grants: password, Audiences: []string{"https://api.example.com/#"}}, "", admin.ErrRefused, "has a fragment"},
		{"audience with a space", admin.NewClient{ID: "a", Grants: password, Audiences: []string{"my api"}}, "", admin.ErrRefused, `audience "my api"`},
		{"audience with a wide space", admin.NewClient{ID: "a", Grants: password, Audiences: []string{"my\u3000api"}}, "", admin.ErrRefused, "without spaces"},
		{"audience of no URI", admin.NewClient{ID: "a", Grants: password, Audiences: []string{"https://[::1"}}, "", admin.ErrRefused, "neither a URI"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, generated, err := clients.Add(t.Context(), tt.new, tt.secret)
			if !errors.Is(err, tt.is) || generated != "" {
				t.Errorf("got %q, %v, want %v", generated, err, tt.is)
			}
			oneLine(t, err, tt.want)
		})
	}
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, brought string
		keep          time.Duration
		until         time.Time
	}{
		{"at once", "", 0, time.Time{}},
		{"keeping the old one", "", 24 * time.Hour, day.Add(24 * time.Hour)},
		{"for one brought", "correct horse battery", 0, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clients := newClients(t)
			before, old, err := clients.Add(t.Context(), admin.NewClient{ID: "api", Introspect: true}, "")
			if err != nil {
				t.Fatal(err)
			}
			_, generated, err := clients.RotateSecret(t.Context(), "api", tt.brought, tt.keep)
			if err != nil || (generated == "") != (tt.brought != "") || generated == old {
				t.Fatalf("got %q, %v, want a new secret unless one was brought", generated, err)
			}
			got, err := clients.Show(t.Context(), "api")
			if err != nil {
				t.Fatal(err)
			}
			for secret, want := range map[string]bool{generated + tt.brought: true, old: false} {
				if ok, err := clients.Secrets.Check(t.Context(), got.SecretHash, secret); err != nil || ok != want {
					t.Errorf("secret %q: got %t, %v, want %t", secret, ok, err, want)
				}
			}
			if !got.OldSecretUntil.Equal(tt.until) {
				t.Errorf("old secret: got until %v, want %v", got.OldSecretUntil, tt.until)
			}
			if ok, err := clients.Secrets.Check(t.Context(), got.OldSecretHash, old); err != nil || ok != (tt.keep > 0) {
				t.Errorf("old secret as such: got %t, %v, want %t", ok, err, tt.keep > 0)
			}
			if got.Epoch != before.Epoch {
				t.Error("got another epoch, want sessions to live on")
			}
		})
	}
}

func TestRotateSecretRefusals(t *testing.T) {
	t.Parallel()
	clients := newClients(t)
	addClient(t, clients.Store, "demo")
	if _, _, err := clients.Add(t.Context(), admin.NewClient{ID: "api", Introspect: true}, ""); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id, secret string
		keep       time.Duration
		is         error
		want       string
	}{
		{"demo", "", 0, admin.ErrRefused, `client "demo" is public`},
		{"none", "", 0, storage.ErrNotFound, `no client "none"`},
		{"api", "short", 0, credentials.ErrSecret, "5 characters"},
		{"api", "", -time.Second, admin.ErrRefused, "-1s"},
	} {
		_, got, err := clients.RotateSecret(t.Context(), tt.id, tt.secret, tt.keep)
		if !errors.Is(err, tt.is) || got != "" {
			t.Errorf("got %q, %v, want %v", got, err, tt.is)
		}
		oneLine(t, err, tt.want)
	}
}

func TestClientLife(t *testing.T) {
	t.Parallel()
	users := newUsers(t)
	clients := &admin.Clients{Store: users.Store, Secrets: credentials.NewSecrets(users.Pool)}
	ann := add(t, users, "ann")
	app, other := addClient(t, users.Store, "app"), addClient(t, users.Store, "other")
	old, bystander := login(t, users.Store, ann, app), login(t, users.Store, ann, other)

	if got, err := clients.Change(t.Context(), "app", admin.ClientChange{Disabled: new(true)}); err != nil || !got.Disabled {
		t.Errorf("disabled: got %+v, %v, want Disabled", got, err)
	}
	if got, err := clients.Show(t.Context(), "app"); err != nil || !got.Disabled {
		t.Errorf("disabled: got %+v, %v, want Disabled", got, err)
	}
	if _, err := clients.Change(t.Context(), "app", admin.ClientChange{Disabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	app, err := clients.Show(t.Context(), "app")
	if err != nil || app.Disabled || old() {
		t.Errorf("enabled: got %+v, %v, session lives %t, want it enabled and the session dead", app, err, old())
	}
	second := login(t, users.Store, ann, app)
	if err := clients.Remove(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if second() || !bystander() {
		t.Errorf("removed: got sessions alive %t, other client's %t, want false, true", second(), bystander())
	}
	list, err := clients.List(t.Context())
	if ids := slices.Collect(func(yield func(string) bool) {
		for _, c := range list {
			yield(c.ID)
		}
	}); err != nil || !slices.Equal(ids, []string{"other"}) {
		t.Errorf("left: got %v, %v, want other", ids, err)
	}
}

func TestUnknownClient(t *testing.T) {
	t.Parallel()
	clients := newClients(t)
	tokens := &admin.Tokens{Store: clients.Store}
	_, changed := clients.Change(t.Context(), "app", admin.ClientChange{Disabled: new(true)})
	for name, err := range map[string]error{
		"change": changed,
		"remove": clients.Remove(t.Context(), "app"),
		"revoke": tokens.RevokeClient(t.Context(), "app"),
	} {
		if !errors.Is(err, storage.ErrNotFound) || err.Error() != `no client "app"` {
			t.Errorf("%s: got %v, want ErrNotFound in words", name, err)
		}
	}
}
