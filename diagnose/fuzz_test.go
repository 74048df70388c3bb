package diagnose_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/resource"
)

// Whatever the text, explaining it ends, shows nothing that could be used in its
// place, and calls nothing good that package resource refuses.
func FuzzExplain(f *testing.F) {
	s := newSite(f)
	s.transport = s.inMemory()
	api, err := resource.New(resource.Config{Issuer: s.URL, Audience: s.URL, HTTPClient: &http.Client{Transport: s.transport}})
	check(f, err)
	other := newSite(f)
	for _, tt := range faults {
		if tt.token == nil {
			continue
		}
		if !other.letsIn() { // what a token before needed
			other = newSite(f)
		}
		f.Add(tt.token(other))
	}
	login := s.login()
	signature := login.AccessToken[strings.LastIndex(login.AccessToken, ".")+1:]
	for _, text := range []string{
		"", ".", "..", "....", `""`, "Bearer ", "Bearer Bearer x", "{", `{"access_token":"{}"}`, "e30.e30.", "eyJ", "%", "%2", "\ufeff",
		login.AccessToken, login.RefreshToken, "Authorization: Bearer " + login.AccessToken,
		encoded(`{"alg":"ES256","kid":"`+signature+`","typ":"at+jwt"}`) + "." + encoded(`{"iss":"`+signature+`","`+signature+`":["`+login.AccessToken+`","`+login.RefreshToken+`"]}`) + "." + signature,
		encoded(`{"alg":"none","typ":"at+jwt"}`) + "." + encoded(`{"exp":1e400,"iat":-9223372036854775808,"aud":[[[[]]]]}`) + ".12345678901234567890",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := s.explained(text)
		token.Scopes = nil
		for _, token.Issuer = range []string{"", s.URL} {
			e := token.Explain(t.Context())
			shown, err := json.Marshal(e)
			check(t, err)
			expectSecrecy(t, text, e)
			if len(e.Checks) == 0 {
				t.Errorf("%q: got nothing to say", text)
			}
			for _, f := range e.Checks {
				if strings.ContainsAny(f.Found+f.Fix, "\n\r\x1b") || f.Found == "" || (f.Status == diagnose.Fail || f.Status == diagnose.Warning) && f.Fix == "" {
					t.Errorf("%q: got %+v, want one line and a fix", text, f)
				}
			}
			if !e.Accepted || e.Kind == diagnose.RefreshToken {
				continue
			}
			trimmed := strings.Trim(text, " \t\r\n")
			if i := strings.LastIndexAny(trimmed, " \t"); i >= 0 {
				trimmed = trimmed[i+1:] // after Bearer
			}
			if _, err := api.Verify(t.Context(), trimmed); err != nil {
				t.Errorf("%q: package resource says %v, got %s", text, err, shown)
			}
		}
	})
}

// inMemory is a network with nothing but the site on it.
func (s *site) inMemory() *http.Transport {
	s.t.Helper()
	l := &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: s.public}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { server.Close() })
	return &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		if "http://"+address != s.URL {
			return nil, syscall.ECONNREFUSED
		}
		here, there := net.Pipe()
		select {
		case l.connections <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

// pipes is a net.Listener without a socket.
type pipes struct {
	connections chan net.Conn
	once        sync.Once
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, errors.New("closed")
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
