package provider_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
	"github.com/usher-oauth/usher/storage/storagetest"
)

// nowhere is the address of a peer that has none.
var nowhere netip.Addr

// addRefused adds users whom no password lets in: disabled, and hashless.
func (s *server) addRefused() {
	s.t.Helper()
	s.addUser("disabled", "profile")
	if err := s.store.ChangeUser(s.t.Context(), "disabled", storagetest.DisableUser); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.CreateUser(s.t.Context(), storage.User{Username: "hashless", Scopes: []string{"profile"}}); err != nil {
		s.t.Fatal(err)
	}
}

func TestEveryRefusedLoginLooksAlike(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.addRefused()
	_, want := s.token("grant_type", "password", "username", "nobody", "password", password)
	wantProblem(t, want, 400, "invalid_grant")
	if got := wantProblem(t, want, 400, "invalid_grant").Description; got != "Incorrect username or password" {
		t.Errorf("got description %q", got)
	}
	for name, form := range map[string][2]string{
		"a wrong password":                    {"ann", "wrong password"},
		"a password of other case":            {"ann", strings.ToUpper(password)},
		"a password with a space more":        {"ann", password + " "},
		"a disabled user":                     {"disabled", password},
		"a user without a password":           {"hashless", password},
		"a password over 72 bytes":            {"ann", strings.Repeat("x", 73)},
		"a password of 60 kB":                 {"ann", strings.Repeat("x", 60_000)},
		"the right one, run on past 72 bytes": {"ann", password + strings.Repeat("x", 72)},
		"a name that can't be":                {"an\x00n", password},
		"a name in broken UTF-8":              {"ann\xff", password},
		"a name of 10 kB":                     {strings.Repeat("a", 10_000), password},
		"SQL in the name":                     {"ann' OR '1'='1", password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got := s.token("grant_type", "password", "username", form[0], "password", form[1])
			if got != want { //nolint:errorlint // the very same answer
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestNamesAreOneInAnyCase(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, name := range []string{"ann", "ANN", "Ａｎｎ"} { // the last one in full width
		if _, err := s.token("grant_type", "password", "username", name, "password", password); err != nil {
			t.Errorf("%s: got %v, want a token", name, err)
		}
	}
}

func TestAPasswordOf72BytesIsWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("é", 36)
	if err := s.users.SetPassword(t.Context(), "ann", long); err != nil {
		t.Fatal(err)
	}
	s.mustToken("grant_type", "password", "username", "ann", "password", long)
	for _, wrong := range []string{long + "x", long[:70], long[:70] + "è"} {
		_, err := s.token("grant_type", "password", "username", "ann", "password", wrong)
		wantProblem(t, err, 400, "invalid_grant")
	}
}

func TestAnImportedHashIsRenewedAtLogin(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old, err := bcrypt.GenerateFromPassword([]byte(password), 6)
	if err != nil {
		t.Fatal(err)
	}
	imported := "$2y$" + strings.TrimPrefix(string(old), "$2a$")
	if err := s.store.CreateUser(t.Context(), storage.User{Username: "old", PasswordHash: imported, PasswordCost: 6, Scopes: []string{"profile"}}); err != nil {
		t.Fatal(err)
	}
	login := func(word string) error {
		_, err := s.token("grant_type", "password", "username", "old", "password", word)
		return err
	}
	hash := func() string {
		u, err := s.store.UserByName(t.Context(), "old")
		if err != nil {
			t.Fatal(err)
		}
		return u.PasswordHash
	}
	wantProblem(t, login("wrong password"), 400, "invalid_grant")
	if hash() != imported {
		t.Error("a refused login renewed the hash")
	}
	first := s.mustToken("grant_type", "password", "username", "old", "password", password)
	if cost, err := credentials.ParseHash(hash()); err != nil || cost != credentials.MinCost {
		t.Errorf("the hash has cost %d (%v), want %d", cost, err, credentials.MinCost)
	}
	renewed := hash()
	if err := login(password); err != nil {
		t.Errorf("after renewal: got %v, want a token", err)
	}
	if hash() != renewed {
		t.Error("a hash like new ones was renewed")
	}
	s.wantActive("renewal ends no session", true, first.AccessToken, first.RefreshToken)
}

func TestMoreLoginsThanCanBeHashedAre503(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.config.Pool.Close()
	pool := credentials.NewPool(credentials.PoolConfig{Cost: 10, Workers: 1, Queue: 1})
	t.Cleanup(pool.Close)
	c := s.config
	c.Pool = pool
	p, err := provider.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	problems := make(chan error, n)
	for range n {
		go func() {
			_, err := p.Token(t.Context(), request(t, values("grant_type", "password", "username", "ann", "password", "wrong password")))
			problems <- err
		}()
	}
	var busy int
	for range n {
		var p *provider.Problem
		err := <-problems
		if asProblem(err, &p) && p.Status == 503 {
			busy++
			if p.Code != "temporarily_unavailable" || p.RetryAfter <= 0 {
				t.Errorf("got %s after %v, want temporarily_unavailable and when to retry", p.Code, p.RetryAfter)
			}
			continue
		}
		wantProblem(t, err, 400, "invalid_grant")
	}
	if busy == 0 || busy == n {
		t.Errorf("%d of %d logins were refused, want some and not all", busy, n)
	}
}

func TestALoginWhoseClientLeftIsNotChecked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Token(ctx, request(t, values("grant_type", "password", "username", "ann", "password", password)))
	var p *provider.Problem
	if err == nil || asProblem(err, &p) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const next = "another horse battery"
	caller, elsewhere := s.login(), s.login()
	c := s.claims(caller.AccessToken)
	for name, tt := range map[string]struct {
		current, next string
		status        int
		code          string
	}{
		"a wrong current password": {"wrong password", next, 403, "access_denied"},
		"a short new one":          {password, "short", 400, "invalid_request"},
		"a new one over 72 bytes":  {password, strings.Repeat("x", 73), 400, "invalid_request"},
		"nothing":                  {"", "", 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, s.ChangePassword(t.Context(), c, tt.current, tt.next, nowhere), tt.status, tt.code)
		})
	}
	s.wantActive("after refusals", true, caller.AccessToken, elsewhere.AccessToken, elsewhere.RefreshToken)

	if err := s.ChangePassword(t.Context(), c, password, next, nowhere); err != nil {
		t.Fatal(err)
	}
	s.wantActive("elsewhere", false, elsewhere.AccessToken, elsewhere.RefreshToken)
	s.wantActive("the session that called", true, caller.AccessToken, caller.RefreshToken)
	refreshed := s.mustRefresh(caller.RefreshToken)
	s.wantActive("the session that called, refreshed", true, refreshed.AccessToken, caller.AccessToken)
	_, err := s.token("grant_type", "password", "username", "ann", "password", password)
	wantProblem(t, err, 400, "invalid_grant")
	s.mustToken("grant_type", "password", "username", "ann", "password", next)

	// Once more from the same session: it is kept again.
	if err := s.ChangePassword(t.Context(), c, next, password, nowhere); err != nil {
		t.Fatal(err)
	}
	s.wantActive("the session that called twice", true, caller.AccessToken, refreshed.AccessToken, refreshed.RefreshToken)
	if err := s.store.EndUserSessions(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	s.wantActive("once all is ended", false, caller.AccessToken, refreshed.AccessToken, refreshed.RefreshToken)
}

func TestProfileHidesTheHash(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	profile, err := s.Profile(t.Context(), s.claims(s.login().AccessToken))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + profile.ID + `","username":"ann","email":"","full_name":"","disabled":false,"scopes":["profile","read"]}`
	if got := encode(t, profile); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An operator's reset must not be overwritten by a change that was checked
// against the password before it.
func TestAResetWinsOverAChangeUnderWay(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.claims(s.login().AccessToken)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { s.ChangePassword(t.Context(), c, password, "what the thief wants", nowhere) })
	}
	if err := s.users.SetPassword(t.Context(), "ann", "what the operator set"); err != nil {
		t.Fatal(err)
	}
	// The reset may come first or last, but not be undone by a check of before.
	wg.Wait()
	before, err := s.store.UserByName(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.ChangePassword(t.Context(), c, password, "what the thief wants", nowhere), 403, "access_denied")
	after, err := s.store.UserByName(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if before.PasswordHash != after.PasswordHash {
		t.Error("the reset was undone")
	}
	s.mustToken("grant_type", "password", "username", "ann", "password", "what the operator set")
}
