package handlers

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Without its half being closed first, a connection whose request was not read to its
// end is reset, and the client may lose the answer.
func TestAnAnswerIsReadToItsEndThoughItsRequestWasNot(t *testing.T) {
	t.Parallel()
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
	}))
	ts.Listener = Limit(ts.Config, ts.Listener, 10)
	ts.Start()
	defer ts.Close()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const length = 500_000 // net/http itself reads half of that, and then gives up
	go fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: usher\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", length))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") {
		t.Errorf("got %q (%v), want a 404 and the end", answer, err)
	}
}

// A connection that is closed for another says so, lest the client take it for an attack
// (RFC 8446, section 6.1).
func TestALimitedTLSConnectionIsSaidGoodbye(t *testing.T) {
	t.Parallel()
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") }))
	ts.Listener = Limit(ts.Config, ts.Listener, 1)
	ts.StartTLS()
	defer ts.Close()
	// Version 1.2 shows the kinds of its records. Go itself takes an end without a goodbye.
	config := &tls.Config{ServerName: "example.com", MaxVersion: tls.VersionTLS12, RootCAs: ts.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	dial := func() (*overheard, *bufio.Reader) {
		plain, err := net.Dial("tcp", ts.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { plain.Close() })
		conn := &overheard{Conn: plain}
		client := tls.Client(conn, config)
		r := bufio.NewReader(client)
		fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: usher\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); string(body) != "in" || err != nil {
			t.Errorf("got %q (%v)", body, err)
		}
		return conn, r
	}
	conn, first := dial()
	dial()
	if _, err := first.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	const alert = 21 // a record's kind, two bytes of version, two of length (RFC 5246, section 6.2.1)
	var last byte
	for heard := conn.heard; len(heard) > 5; heard = heard[5+int(heard[3])<<8+int(heard[4]):] {
		last = heard[0]
	}
	if last != alert {
		t.Errorf("got a record of kind %d last, want an alert", last)
	}
}

// overheard is a connection that remembers what was read.
type overheard struct {
	net.Conn
	heard []byte
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	o.heard = append(o.heard, p[:n]...)
	return n, err
}
