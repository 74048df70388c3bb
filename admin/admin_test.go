package admin_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

const cost = 4 // of all bcrypt here

func openStore(tb testing.TB) *storage.Store {
	tb.Helper()
	s, err := storage.Open(tb.Context(), "sqlite:"+filepath.Join(tb.TempDir(), "usher.db"), storage.Options{Migrate: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing store: %v", err)
		}
	})
	return s
}

// newPool makes a pool that is never too busy for a test.
func newPool(tb testing.TB) *credentials.Pool {
	tb.Helper()
	p := credentials.NewPool(credentials.PoolConfig{Cost: cost, Workers: 2, Wait: time.Hour})
	tb.Cleanup(p.Close)
	return p
}

func newUsers(tb testing.TB) *admin.Users {
	tb.Helper()
	return &admin.Users{Store: openStore(tb), Pool: newPool(tb)}
}

// add adds a user with the password "sword-fish".
func add(tb testing.TB, users *admin.Users, name string) storage.User {
	tb.Helper()
	u, err := users.Add(tb.Context(), admin.NewUser{Username: name}, "sword-fish")
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// addClient adds a public client.
func addClient(tb testing.TB, s *storage.Store, id string) storage.Client {
	tb.Helper()
	clients := &admin.Clients{Store: s}
	c, _, err := clients.Add(tb.Context(), admin.NewClient{ID: id, Public: true, Grants: []string{"password"}}, "")
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// login makes a session, and returns whether it still lives.
func login(tb testing.TB, s *storage.Store, u storage.User, c storage.Client) (lives func() bool) {
	tb.Helper()
	g := storage.Grant{
		ID: storage.NewID(), UserID: u.ID, ClientID: c.ID, UserEpoch: u.Epoch, ClientEpoch: c.Epoch,
		AuthTime: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}
	if err := s.CreateGrant(tb.Context(), g); err != nil {
		tb.Fatal(err)
	}
	lives = func() bool {
		session, err := s.Session(tb.Context(), g.ID)
		return err == nil && session.Live(time.Now())
	}
	if !lives() {
		tb.Fatal("new session: got a dead one, want a living one")
	}
	return lives
}

// oneLine complains about an error that an operator would not like to read.
func oneLine(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		tb.Errorf("got error %v, want one line with %q", err, want)
	}
}
