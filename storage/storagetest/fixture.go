package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/storage"
)

// node is a store and what most tests need of it. Its clock stands still until
// the test moves it; the nodes of one test may share it.
type node struct {
	*storage.Store
	clock *Clock
}

func open(t *testing.T, db Database) node {
	t.Helper()
	return openAt(t, db, NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
}

func openAt(t *testing.T, db Database, c *Clock) node {
	t.Helper()
	return node{db.Open(t, storage.Options{Migrate: true, Now: c.Now}), c}
}

// openTwo opens the database as two nodes with one clock.
func openTwo(t *testing.T, db Database) [2]node {
	t.Helper()
	n := open(t, db)
	return [2]node{n, openAt(t, db, n.clock)}
}

// user adds a user of that name.
func (n node) user(t *testing.T, name string) storage.User {
	t.Helper()
	check(t, n.CreateUser(t.Context(), storage.User{
		Username: name, PasswordHash: "$2a$10$" + name, PasswordCost: 10, Scopes: []string{"profile"},
	}))
	u, err := n.UserByName(t.Context(), name)
	check(t, err)
	return u
}

// client adds a client of that id.
func (n node) client(t *testing.T, id string) storage.Client {
	t.Helper()
	check(t, n.CreateClient(t.Context(), storage.Client{ID: id, Grants: []string{"password"}, SecretHash: "sha256:" + id}))
	c, err := n.Client(t.Context(), id)
	check(t, err)
	return c
}

// login adds a grant of an hour, whose live refresh token is [token] 0.
func (n node) login(t *testing.T, u storage.User, c storage.Client) storage.Grant {
	t.Helper()
	g := n.grant(u, c)
	check(t, n.CreateGrant(t.Context(), g))
	return g
}

// grant is what login adds.
func (n node) grant(u storage.User, c storage.Client) storage.Grant {
	now := n.clock.Now()
	g := storage.Grant{
		ID: storage.NewGrantID(n.clock.Now()), UserID: u.ID, ClientID: c.ID, UserEpoch: u.Epoch, ClientEpoch: c.Epoch,
		Scopes: []string{"profile"}, Audiences: []string{}, AuthTime: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	g.Refresh = token(g.ID, 0)
	return g
}

// token is the hash of a grant's refresh token number n.
func token(grant string, n int) []byte {
	h := sha256.Sum256(fmt.Append(nil, grant, "/", n))
	return h[:]
}

// live reports whether the grant is there and counts.
func (n node) live(t *testing.T, g storage.Grant) bool {
	t.Helper()
	s, err := n.Session(t.Context(), g.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return false
	}
	check(t, err)
	return s.Live(n.clock.Now())
}

// wantLive compares live with want; who names the grant.
func (n node) wantLive(t *testing.T, who string, g storage.Grant, want bool) {
	t.Helper()
	if got := n.live(t, g); got != want {
		t.Errorf("%s: got live %t, want %t", who, got, want)
	}
}

// since returns the revocations after seq.
func (n node) since(t *testing.T, seq int64) []storage.Revocation {
	t.Helper()
	list, err := n.Revocations(t.Context(), seq)
	check(t, err)
	return list
}

// revoked reports whether the feed ends what carries these names.
func (n node) revoked(t *testing.T, kind storage.Kind, key, grant, epoch string) bool {
	t.Helper()
	for _, r := range n.since(t, 0) {
		if r.Kind == kind && r.Key == key {
			return r.Covers(grant, epoch)
		}
	}
	return false
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr compares errors; what names the call.
func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// equal compares values; what names them.
func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: got +, want -\n%s", what, diff)
	}
}

// together calls f with 0 to n-1, all at once, and reports every error.
func together(t *testing.T, n int, f func(ctx context.Context, i int) error) {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(t.Context(), i)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("call %d of %d at once: %v", i, n, err)
		}
	}
}

// call is a method with its arguments filled in.
type call struct {
	name string
	do   func(context.Context) error
}
