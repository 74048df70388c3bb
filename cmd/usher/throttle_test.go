package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// guessing is a login with a password, from an address that a trusted proxy names.
func (s *testServer) guessing(from, username, word string) *http.Request {
	s.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {word}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", from)
	return req
}

// guess tries a password and returns the answer.
func (s *testServer) guess(from, username, word string) *http.Response {
	s.t.Helper()
	res, err := http.DefaultClient.Do(s.guessing(from, username, word))
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res
}

// wantGuess demands the status of a guess.
func (s *testServer) wantGuess(status int, from, username, word string) *http.Response {
	s.t.Helper()
	res := s.guess(from, username, word)
	if res.StatusCode != status {
		s.t.Errorf("%s at %s's from %s: got %d, want %d", word, username, from, res.StatusCode, status)
	}
	return res
}

// slowed is an entry of usher throttle list.
type slowed struct {
	User, Network *string
	Failures      int
	Until         *string
}

func (s *testServer) throttled() []slowed {
	s.t.Helper()
	var list []slowed
	decode(s.t, s.usher("throttle", "list", "--json"), &list)
	return list
}

const proxied = "--trusted-proxies=127.0.0.0/8"

func TestGuessingIsThrottledUntilAnOperatorClearsIt(t *testing.T) {
	t.Parallel()
	s := newServer(t, proxied)
	for i := range 14 { // past the free ones and the first waits, or the wait may be over at once
		s.guess("192.0.2.1", "ann", fmt.Sprint("guess ", i))
	}
	var list []slowed
	for word := 14; ; word++ {
		res := s.guess("192.0.2.1", "ann", fmt.Sprint("guess ", word))
		if res.StatusCode == http.StatusBadRequest && word < 60 {
			continue
		}
		if after := res.Header.Get("Retry-After"); res.StatusCode != http.StatusTooManyRequests || after == "" || after == "0" {
			t.Fatalf("got %d, Retry-After %q, want 429 and when to come back", res.StatusCode, after)
		}
		list = s.throttled()
		if len(list) == 1 && list[0].Until == nil && word < 60 {
			continue // the wait was over before the command looked; the next one is longer
		}
		break
	}
	s.wantGuess(http.StatusOK, "192.0.2.2", "ann", annsPassword) // who is at home there now
	if len(list) != 1 || list[0].User == nil || *list[0].User != "ann" || list[0].Network == nil || *list[0].Network != "192.0.2.1" ||
		list[0].Failures < 10 || list[0].Until == nil {
		t.Errorf("got the list %+v, want ann at 192.0.2.1 with her failures and until when", list)
	}
	s.usher("throttle", "clear", "Ann")
	if list := s.throttled(); len(list) != 0 {
		t.Errorf("after throttle clear: got %+v, want an empty list", list)
	}
	s.wantGuess(http.StatusOK, "192.0.2.1", "ann", annsPassword)
	s.wantGuess(http.StatusBadRequest, "192.0.2.1", "ann", "guess")
}

func TestStrangersEverywhereAreStoppedAndTheOwnerAtHomeIsNot(t *testing.T) {
	t.Parallel()
	s := newServer(t, proxied)
	s.wantGuess(http.StatusOK, "2001:db8:1:2::1", "ann", annsPassword)
	answers := make(map[int]int)
	for i := range 80 {
		answers[s.guess(fmt.Sprint("192.0.2.", i), "ann", fmt.Sprint("guess ", i)).StatusCode]++
	}
	// One more may come back while this runs on a slow machine.
	if n := answers[http.StatusBadRequest]; n < 50 || n > 52 || answers[http.StatusTooManyRequests] != 80-n {
		t.Errorf("got answers %v, want 50 guesses checked and 30 refused", answers)
	}
	s.wantGuess(http.StatusOK, "2001:db8:1:2:ffff::9", "ann", annsPassword)
	s.wantGuess(http.StatusTooManyRequests, "2001:db8:1:3::1", "ann", annsPassword)
}

// Without --trusted-proxies whoever asks is the network, whatever the header says.
func TestAForgedAddressIsNoOtherNetwork(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var refused int
	for i := range 40 {
		if s.guess(fmt.Sprint("192.0.2.", i), "ann", fmt.Sprint("guess ", i)).StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("got no guess refused, want a network to be what it is")
	}
	for _, e := range s.throttled() {
		if e.Network == nil || *e.Network != "127.0.0.1" {
			t.Errorf("got %v counted, want 127.0.0.1 alone", e)
		}
	}
}

// The library doesn't know how a server wants its client to authenticate, so it
// sends each login that fails a second time, in the other way.
func TestXOAuth2SpendsOneAttemptForEachWrongPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 3 {
		// The library remembers what has worked; another address is another server.
		endpoint := oauth2.Endpoint{TokenURL: fmt.Sprintf("%s/token?try=%d", s.URL, i)}
		config := oauth2.Config{ClientID: "web", Endpoint: endpoint}
		var refused *oauth2.RetrieveError
		_, err := config.PasswordCredentialsToken(t.Context(), "ann", fmt.Sprint("wrong password ", i))
		if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
			t.Fatalf("got %v, want invalid_grant", err)
		}
	}
	eventually(t, "the library sends each wrong password twice, or this test proves nothing", func() (bool, string) {
		n := strings.Count(s.Logs(), "route=/token status=400")
		return n == 6, fmt.Sprint(n, " requests")
	})
	if list := s.throttled(); len(list) != 1 || list[0].Failures != 3 {
		t.Errorf("got %+v, want 3 failures", list)
	}
}

func TestNodesShareOneBudget(t *testing.T) {
	t.Parallel()
	at := onPostgres(t, postgrestest.Schema(t))
	furnishDurably(t, at)
	nodes := make([]*testServer, 3)
	for i := range nodes {
		nodes[i] = startServerAt(t, at, append(durable, proxied)...)
	}
	var checked, refused atomic.Int64
	var wg sync.WaitGroup
	words := make(chan int)
	for range 100 {
		wg.Go(func() {
			for i := range words {
				// From as many networks, so that no wait is over while this runs.
				switch status := nodes[i%3].guess(fmt.Sprintf("198.51.%d.%d", i/250, i%250), "ann", fmt.Sprint("guess ", i)).StatusCode; status {
				case http.StatusBadRequest:
					checked.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("got %d, want 400 or 429", status)
				}
			}
		})
	}
	for i := range 500 {
		words <- i
	}
	close(words)
	wg.Wait()
	if n := checked.Load(); n < 50 || n > 52 || refused.Load() != 500-n { // one comes back in 72 seconds
		t.Errorf("of 500 guesses at three nodes %d were checked and %d refused, want 50 checked", n, refused.Load())
	}
	nodes[0].usher("throttle", "clear", "ann")
	nodes[2].wantGuess(http.StatusOK, "192.0.2.1", "ann", annsPassword)
}
