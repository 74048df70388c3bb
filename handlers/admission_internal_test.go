package handlers

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-oauth/usher/provider"
)

func TestAFullClassRefusesAtOnceAndLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	m := newMetrics("", nil, func() provider.Figures { return provider.Figures{} })
	s := &server{Config: Config{Log: slog.New(slog.DiscardHandler)}, metrics: m, admission: newAdmission(m)}
	c := &s.admission.checks
	for range maxInFlight {
		if err := c.enter(); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.admit(c, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w
	}
	if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("one too many: got %d, Retry-After %q, want 503 in a second", w.Code, w.Header().Get("Retry-After"))
	}
	if err := s.admission.tokens.enter(); err != nil {
		t.Errorf("another class: got %v, want it open", err)
	}
	c.leave()
	for range 3 {
		if w := ask(); w.Code != http.StatusOK {
			t.Errorf("with a place again: got %d, want 200", w.Code)
		}
	}
	told := httptest.NewRecorder()
	s.exposition().ServeHTTP(told, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if want := "usher_http_requests_shed_total{class=\"checks\"} 1\n"; !strings.Contains(told.Body.String(), want) {
		t.Errorf("got %s, want %s", told.Body, want)
	}
}

// counting counts the connections of a listener that are open.
type counting struct {
	net.Listener
	open, most atomic.Int64
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.most.Store(max(c.most.Load(), c.open.Add(1))) // one goroutine accepts
		conn = &counted{Conn: conn, ended: sync.OnceFunc(func() { c.open.Add(-1) })}
	}
	return conn, err
}

type counted struct {
	net.Conn
	ended func()
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.ended()
	return err
}

// Clients that keep their connections are more than there may be. Each is answered all
// the same, and there are never more than the limit.
func TestConnectionsBeyondTheLimitTakeTheIdleOnesPlaces(t *testing.T) {
	t.Parallel()
	const limit, clients = 3, 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inner := &counting{Listener: l}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") })}
	served := make(chan error, 1)
	limited := Limit(srv, inner, limit)
	go func() { served <- srv.Serve(limited) }()

	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			t.Cleanup(client.CloseIdleConnections)
			for range 5 {
				res, err := client.Get("http://" + l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				if body, err := io.ReadAll(res.Body); string(body) != "in" {
					t.Errorf("got %q (%v)", body, err)
				}
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	if n := inner.most.Load(); n != limit {
		t.Errorf("got %d connections at a time, want %d", n, limit)
	}
	srv.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v, want it closed", err)
	}
}

// A server that waits for a place for one more connection can be stopped.
func TestAFullServerCanBeStopped(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-leave })}
	served := make(chan error, 1)
	limited := Limit(srv, l, 1)
	go func() { served <- srv.Serve(limited) }()
	answered := make(chan error, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err == nil {
			res.Body.Close()
		}
		answered <- err
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- srv.Shutdown(t.Context()) }()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v, want it to listen no more", err)
	}
	close(leave)
	if err := errors.Join(<-down, <-answered); err != nil {
		t.Errorf("the request in flight: %v", err)
	}
}
