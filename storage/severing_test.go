package storage_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// severing is a way to a server that ends a connection, once, when a text passes.
type severing struct {
	url string

	mu      sync.Mutex
	text    []byte // lower case; nil while nothing is to happen
	arrives bool   // the text does, its answer does not
	cut     bool
}

func newSevering(t *testing.T, target string) *severing {
	t.Helper()
	s := &severing{}
	s.url = between(t, target, s.forward)
	return s
}

// between has carry see to each connection that is meant for the server of a URL, whose
// host and port it is given too. It returns the URL by which to get here.
func between(t *testing.T, target string, carry func(near net.Conn, host string)) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	host := u.Host
	u.Host = l.Addr().String()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go carry(near, host)
		}
	}()
	return u.String()
}

// sever ends the connection that the text passes next.
func (s *severing) sever(text string, arrives bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.arrives = []byte(text), arrives
}

func (s *severing) severed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// fatal reports whether a message is the one, and whether it still arrives.
func (s *severing) fatal(message []byte) (fatal, arrives bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil || !bytes.Contains(bytes.ToLower(message), s.text) {
		return false, true
	}
	s.text, s.cut = nil, true
	return true, s.arrives
}

// forward carries one connection until one side ends it or it is severed.
func (s *severing) forward(near net.Conn, target string) {
	defer near.Close()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	var back sync.WaitGroup
	back.Go(func() {
		defer near.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := far.Read(buf)
			if _, gone := near.Write(buf[:n]); gone != nil || err != nil {
				return
			}
		}
	})
	buf := make([]byte, 32<<10) // more than any message here
	for {
		n, err := near.Read(buf)
		fatal, arrives := s.fatal(buf[:n])
		if fatal {
			near.Close() // first, so that no answer passes
		}
		if arrives {
			far.Write(buf[:n]) // where that fails the next read does
		}
		if fatal || err != nil {
			break
		}
	}
	far.Close()
	back.Wait()
}
