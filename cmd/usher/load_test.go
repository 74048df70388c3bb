package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is clients that log in, refresh and revoke on all nodes, and try again what
// was refused for the server's sake. They wait for nobody who counts.
type load struct {
	t       *testing.T
	nodes   []*testServer
	stop    chan struct{}
	wg      sync.WaitGroup
	refused atomic.Int64

	mu       sync.Mutex
	answered []exchange
	all      []*chain
}

// exchange is when something was asked, and when it was answered by 200.
type exchange struct{ asked, answered time.Time }

// chain is a session with the last refresh token that was used up for it.
type chain struct {
	session
	parent string
}

func startLoad(t *testing.T, nodes []*testServer) *load {
	l := &load{t: t, nodes: nodes, stop: make(chan struct{})}
	for i := range 8 {
		l.wg.Go(func() {
			for n := i; l.live(n); n++ {
			}
		})
	}
	return l
}

// await returns once so many requests are answered that were asked after that time.
func (l *load) await(n int, after time.Time) {
	l.t.Helper()
	eventually(l.t, "the load is answered", func() (bool, string) {
		got := 0
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range l.answered {
			if e.asked.After(after) {
				got++
			}
		}
		return got >= n || l.t.Failed(), fmt.Sprintf("%d answers, %d refusals", got, l.refused.Load())
	})
}

// first is when the first request was answered of those asked after that time.
func (l *load) first(after time.Time) (first time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.answered {
		if e.asked.After(after) && (first.IsZero() || e.answered.Before(first)) {
			first = e.answered
		}
	}
	return first
}

// end stops the clients and returns the sessions they made, and how many requests
// were refused for the server's sake.
func (l *load) end() ([]*chain, int64) {
	close(l.stop)
	l.wg.Wait()
	return l.all, l.refused.Load()
}

// live is one session, over all nodes in turn. It reports false once the load ends.
func (l *load) live(n int) bool {
	s := &chain{}
	login := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}
	if !l.persist(n, "/token", login, &s.tokens) {
		return false
	}
	l.mu.Lock()
	l.all = append(l.all, s)
	l.mu.Unlock()
	for range 3 {
		n++
		s.pending = "refresh"
		next, ok := l.refreshTwice(n, s.RefreshToken)
		if !ok {
			return false
		}
		s.parent, s.tokens, s.pending = s.RefreshToken, next, ""
	}
	if s.AccessToken[len(s.AccessToken)-1]%2 == 0 {
		return true
	}
	s.pending = "revoke"
	if !l.persist(n, "/revoke", url.Values{"client_id": {"web"}, "token": {s.RefreshToken}}, nil) {
		return false
	}
	s.revoked, s.pending = true, ""
	return true
}

// refreshTwice uses one refresh token on two nodes at once, which both have to give
// the one answer.
func (l *load) refreshTwice(n int, token string) (tokens, bool) {
	var answers [2]tokens
	var ok [2]bool
	var both sync.WaitGroup
	for i := range answers {
		both.Go(func() {
			ok[i] = l.persist(n+i, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, &answers[i])
		})
	}
	both.Wait()
	if !ok[0] || !ok[1] {
		return tokens{}, false
	}
	if answers[0].AccessToken != answers[1].AccessToken || answers[0].RefreshToken != answers[1].RefreshToken {
		l.t.Error("a refresh token has two successors")
	}
	return answers[0], true
}

// persist asks until it is answered by 200. What a server can't do now is tried
// again, as clients do; any other refusal is a promise broken.
func (l *load) persist(n int, path string, form url.Values, v any) bool {
	for ; ; n++ {
		select {
		case <-l.stop:
			return false
		default:
		}
		asked := time.Now()
		status, body, err := ask(l.nodes[n%len(l.nodes)].URL+path, form)
		switch {
		case err != nil || status == http.StatusServiceUnavailable:
			l.refused.Add(1)
		case status != http.StatusOK:
			l.t.Errorf("%s: got %d %s, want 200, or 503 while the database is away", path, status, body)
			return false
		default:
			l.mu.Lock()
			l.answered = append(l.answered, exchange{asked, time.Now()})
			l.mu.Unlock()
			if v != nil && json.Unmarshal(body, v) != nil {
				l.t.Errorf("%s: got %s, want JSON", path, body)
				return false
			}
			return true
		}
		select {
		case <-l.stop:
		case <-time.After(20 * time.Millisecond): // as a client's backoff
		}
	}
}

func ask(url string, form url.Values) (status int, body []byte, err error) {
	res, err := http.PostForm(url, form)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// verify holds a node to what the session was answered, and to the one successor
// of its last refresh token but one.
func (s *chain) verify(node *testServer, secret string) {
	node.t.Helper()
	if s.parent != "" && !s.revoked && s.pending == "" {
		status, body, err := ask(node.URL+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.parent}})
		var again tokens
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &again) != nil {
			node.t.Errorf("the answer to a used token is lost: got %d %s (%v)", status, body, err)
		} else if again.AccessToken != s.AccessToken || again.RefreshToken != s.RefreshToken {
			node.t.Error("a refresh token that was answered has another successor")
		}
	}
	s.session.verify(node, secret)
}
