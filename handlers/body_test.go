package handlers_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/usher-oauth/usher/handlers"
)

func TestBodiesThatCantBeReadAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	token := bearer(s.login("ann").Access)
	for _, tt := range []struct {
		name   string
		body   func() io.Reader
		length int64
		status int
	}{
		{"too large, and said so", func() io.Reader { return strings.NewReader("") }, 64<<10 + 1, http.StatusRequestEntityTooLarge},
		{"too large, of unknown length", func() io.Reader { return strings.NewReader(strings.Repeat("a", 64<<10+1)) }, -1, http.StatusRequestEntityTooLarge},
		{"ended early", func() io.Reader {
			return io.MultiReader(strings.NewReader("token="), iotest.ErrReader(io.ErrUnexpectedEOF))
		}, 100, http.StatusBadRequest},
	} {
		for _, route := range []string{"POST /token", "POST /introspect", "POST /revoke", "PUT /users/me/password"} {
			t.Run(tt.name+" at "+route, func(t *testing.T) {
				method, path, _ := strings.Cut(route, " ")
				r := newRequest(t, method, path, "", form, token)
				r.Body, r.ContentLength = io.NopCloser(tt.body()), tt.length
				w := serve(s.public, r)
				wantProblem(t, w, tt.status, "invalid_request")
				wantHeader(t, w, "Connection", "close")
			})
		}
	}
}

// deadlines records when reading was to end.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A read deadline that passes after the body would cancel the request's context.
func TestTheTimeForABodyEndsWithTheBody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name, method, target, body string
		limited, lifted            bool
	}{
		{"a body that is read", "POST", "/token", "grant_type=x", true, true},
		{"a body nobody reads", "POST", "/nothing", "x", true, false},
		{"no body", "GET", "/healthz", "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			start := time.Now()
			s.public.ServeHTTP(w, newRequest(t, tt.method, tt.target, tt.body, form))
			limited := len(w.set) > 0 && !w.set[0].Before(start.Add(15*time.Second)) && !w.set[0].After(time.Now().Add(15*time.Second))
			lifted := len(w.set) > 0 && w.set[len(w.set)-1].IsZero()
			if limited != tt.limited || lifted != tt.lifted {
				t.Errorf("deadlines: got %v, want limited %t, lifted %t", w.set, tt.limited, tt.lifted)
			}
		})
	}
}

// pipe is a listener for one connection in memory, whose deadlines follow the
// clock of a synctest bubble.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { close(p.closed); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name   string
		sent   string
		after  time.Duration
		status int // 0: no answer
	}{
		{"10 s for the headers", "POST /token HTTP/1.1\r\nHost: auth", 10 * time.Second, 0},
		{"15 s for the body", "POST /token HTTP/1.1\r\nHost: auth\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant", 15 * time.Second, http.StatusRequestTimeout},
		{"15 s for a body nobody reads", "POST /nothing HTTP/1.1\r\nHost: auth\r\nContent-Length: 100\r\n\r\nx", 15 * time.Second, http.StatusNotFound},
		{"two minutes between requests", "GET /healthz HTTP/1.1\r\nHost: auth\r\n\r\n", 2 * time.Minute, http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := handlers.Server("", s.public, slog.New(slog.DiscardHandler))
				client, conn := net.Pipe()
				l := &pipe{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
				l.conns <- conn
				go func() { _ = server.Serve(l) }()
				defer server.Close()
				start := time.Now()

				_, err := io.WriteString(client, tt.sent)
				check(t, err)
				in := bufio.NewReader(client)
				resp, err := http.ReadResponse(in, nil)
				if tt.status == 0 {
					if err == nil {
						t.Errorf("got %s, want no answer", resp.Status)
					}
				} else {
					check(t, err)
					if resp.StatusCode != tt.status {
						t.Errorf("got %s, want %d", resp.Status, tt.status)
					}
				}
				if _, err := io.Copy(io.Discard, in); err != nil && !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("reading to the end: %v", err)
				}
				// net/http lingers half a second over a connection it closes.
				if took := time.Since(start); took < tt.after || took > tt.after+time.Second {
					t.Errorf("cut off after %v, want %v", took, tt.after)
				}
			})
		})
	}
}

// net/http would answer it by itself.
func TestOptionsOfTheWholeServerIsNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = handlers.Server("", s.public, slog.New(slog.DiscardHandler))
	srv.Start()
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	check(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: auth\r\nConnection: close\r\n\r\n")
	check(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("got %s %v, want 404 with a request id", resp.Status, resp.Header)
	}
}

func TestServerLimitsEverything(t *testing.T) {
	t.Parallel()
	s := handlers.Server("127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout != 10*time.Second || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes != 32<<10 || s.ErrorLog == nil {
		t.Errorf("got %+v, want limits on headers, answers, idle time and header size, and a log", s)
	}
}
