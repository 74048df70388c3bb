package provider_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/provider"
)

const brought = "p%20ss+wörd: 16 chars" // the secret of the client brought

// prove asks for a client's own token from an address and returns the error.
func (s *server) prove(p *provider.Provider, from netip.Addr, client, secret string) error {
	s.t.Helper()
	r := request(s.t, values("grant_type", "client_credentials"), client, secret)
	r.From = from
	_, err := p.Token(s.t.Context(), r)
	return err
}

func TestClientsAreThrottled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, right := range map[string]string{"api": s.secret, "brought": brought, "off": "", "web": "", "nobody": "", "no/client": ""} {
		t.Run(name, func(t *testing.T) {
			from := addr(len(name)) // of another length each
			for i := range 50 {
				if name == "no/client" {
					break // counted for the network alone
				}
				wantProblem(t, s.prove(s.Provider, from, name, fmt.Sprint("not the secret ", i)), 401, "invalid_client")
			}
			if name == "no/client" {
				wantProblem(t, s.prove(s.Provider, from, name, "x"), 401, "invalid_client")
				return
			}
			for range 3 {
				wantThrottled(t, s.prove(s.Provider, from, name, "another guess"), 72*time.Second)
			}
			wantThrottled(t, s.prove(s.node(), from, name, "at another node"), 72*time.Second)
			if right == "" {
				return
			}
			if err := s.prove(s.Provider, addr(200), name, right); err != nil {
				t.Errorf("elsewhere: got %v, want a token", err)
			}
			s.clock.Advance(72 * time.Second)
			if err := s.prove(s.Provider, from, name, right); err != nil {
				t.Errorf("once there is room: got %v, want a token", err)
			}
		})
	}
}

// A generated secret can't be guessed, so guesses need not keep its owner out.
func TestAGeneratedSecretIsNeverKeptOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 60 {
		s.prove(s.Provider, addr(1), "api", fmt.Sprint("guess ", i))
	}
	if err := s.prove(s.Provider, addr(1), "api", s.secret); err != nil {
		t.Errorf("got %v, want a token", err)
	}
}

// The apps of a client that was removed go on for a while, and guess nothing.
func TestRequestsWithoutASecretAreNotCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	watch := s.open()
	if _, err := watch.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		for _, client := range []string{"off", "api", "brought", "nobody", "no/client"} {
			r := request(t, values("grant_type", "refresh_token", "refresh_token", "x", "client_id", client))
			r.From = addr(1)
			_, err := s.Token(t.Context(), r)
			wantProblem(t, err, 401, "invalid_client")
		}
	}
	if moved, err := watch.Changed(t.Context()); moved || err != nil {
		t.Errorf("got a database that changed (%v), want no write", err)
	}
	if err := s.prove(s.Provider, addr(1), "brought", brought); err != nil {
		t.Errorf("a client with a secret, from the same network: got %v, want a token", err)
	}
}

// A secret that this process has seen right is accepted without bcrypt. That must
// not tell a guess that is right from others that are refused.
func TestARememberedSecretIsNotFoundByRefusedGuesses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.prove(s.Provider, addr(2), "brought", brought); err != nil {
		t.Fatal(err)
	}
	for i := range 51 {
		s.prove(s.Provider, addr(1), "brought", fmt.Sprint("guess number ", i))
	}
	wantThrottled(t, s.prove(s.Provider, addr(1), "brought", brought), 72*time.Second)
	if err := s.prove(s.Provider, addr(2), "brought", brought); err != nil {
		t.Errorf("elsewhere: got %v, want a token", err)
	}
}

// After a restart of the server all instances of a client come at once.
func TestParallelSecretsAreOneTry(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, p := range []*provider.Provider{s.Provider, s.node()} {
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if err := s.prove(p, addr(1), "brought", brought); err != nil {
					t.Errorf("got %v, want a token", err)
				}
			})
		}
		wg.Wait()
	}
}

// The requests of machines are the busiest: they write nothing.
func TestMachinesCauseNoWrite(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := s.login().AccessToken
	if err := s.prove(s.Provider, addr(1), "brought", brought); err != nil { // once in a process
		t.Fatal(err)
	}
	watch := s.open() // its own look at the database
	if _, err := watch.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		for client, secret := range map[string]string{"api": s.secret, "brought": brought} {
			if err := s.prove(s.Provider, addr(1), client, secret); err != nil {
				t.Fatal(err)
			}
		}
		s.introspect(token)
	}
	if moved, err := watch.Changed(t.Context()); moved || err != nil {
		t.Errorf("got a database that changed (%v), want no write", err)
	}
	wantProblem(t, s.prove(s.Provider, addr(1), "api", "wrong"), 401, "invalid_client")
	if moved, err := watch.Changed(t.Context()); !moved || err != nil {
		t.Errorf("got a database that did not change (%v): the test proves nothing", err)
	}
}
