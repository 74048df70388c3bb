package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What no HTTP client sends. net/http answers some of it by itself, in plain text.
// Whatever it is, nothing is done twice or for somebody else, no answer is a 5xx, and
// the server goes on.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	post := func(headers, body string) string {
		return "POST /token HTTP/1.1\r\nHost: usher\r\n" + form + headers + "\r\n" + body
	}
	const health = "GET /healthz HTTP/1.1\r\nHost: usher\r\n"
	login := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}.Encode()
	// smuggled is a request that must not be answered where the body is one.
	const smuggled = health + "\r\n"
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(text), text) }

	for name, tt := range map[string]struct {
		send string
		want []int // the statuses of all answers on the connection
	}{
		"pipelined":                      {smuggled + smuggled + smuggled, []int{200, 200, 200}},
		"a login in one chunk":           {post("Transfer-Encoding: chunked\r\n", chunk(login)), []int{200}},
		"chunk extensions":               {post("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x;a=b;c=\"d\"\r\n%s\r\n0;x\r\n\r\n", len(login), login)), []int{200}},
		"trailers":                       {post("Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\nAuthorization: Basic eDp5\r\n\r\n", len(login), login)), []int{200}},
		"a chunk's size that overflows":  {post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"+login), []int{400}},
		"a chunk's size below nothing":   {post("Transfer-Encoding: chunked\r\n", "-1\r\n"+login), []int{400}},
		"a chunk's size with 0x":         {post("Transfer-Encoding: chunked\r\n", "0x10\r\n"+login), []int{400}},
		"endless chunk extensions":       {post("Transfer-Encoding: chunked\r\n", "1;"+strings.Repeat("x", 100<<10)), []int{400}},
		"length and chunks":              {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunk(login)+smuggled), []int{200}},
		"chunks and length":              {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunk(login)+smuggled), []int{200}},
		"two lengths that differ":        {post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd"+smuggled), []int{400}},
		"two lengths that agree":         {post(fmt.Sprintf("Content-Length: %[1]d\r\nContent-Length: %[1]d\r\n", len(login)), login), []int{200}},
		"a list of lengths":              {post("Content-Length: 4, 4\r\n", "abcd"+smuggled), []int{400}},
		"a length with a sign":           {post("Content-Length: +4\r\n", "abcd"+smuggled), []int{400}},
		"a length below nothing":         {post("Content-Length: -1\r\n", smuggled), []int{400}},
		"a length that overflows":        {post("Content-Length: 99999999999999999999\r\n", smuggled), []int{400}},
		"a length of 8 EiB":              {post("Content-Length: 9223372036854775807\r\n", smuggled), []int{413}},
		"xchunked":                       {post("Transfer-Encoding: xchunked\r\n", chunk(login)+smuggled), []int{501}},
		"chunked twice":                  {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunk(login)+smuggled), []int{501}},
		"chunked, identity":              {post("Transfer-Encoding: chunked, identity\r\n", chunk(login)+smuggled), []int{501}},
		"a coding with a vertical tab":   {post("Transfer-Encoding: \vchunked\r\n", chunk(login)+smuggled), []int{400}},
		"a blank before the colon":       {post("Transfer-Encoding : chunked\r\n", chunk(login)+smuggled), []int{400}},
		"a folded header":                {"GET /healthz HTTP/1.1\r\nHost: usher\r\nX-A: b\r\n c\r\n\r\n", []int{200}},
		"a folded coding":                {post("Transfer-Encoding:\r\n chunked\r\n", chunk(login)+smuggled), []int{200}},
		"a header without a name":        {"GET /healthz HTTP/1.1\r\nHost: usher\r\n: x\r\n\r\n", []int{400}},
		"NUL in a header":                {health + "X-A: a\x00b\r\n\r\n", []int{400}},
		"CR in a header":                 {health + "X-A: a\rX-B: b\r\n\r\n", []int{400}},
		"bare line feeds":                {"GET /healthz HTTP/1.1\nHost: usher\n\n", []int{200}},
		"not UTF-8 in a header":          {health + "X-Forwarded-For: \xff\xfe\r\n\r\n", []int{200}},
		"NUL in the path":                {"GET /token\x00 HTTP/1.1\r\nHost: usher\r\n\r\n", []int{400}},
		"not UTF-8 in the path":          {"GET /\xff%ff HTTP/1.1\r\nHost: usher\r\n\r\n", []int{404}},
		"an absolute target":             {"GET http://other.example/healthz HTTP/1.1\r\nHost: usher\r\n\r\n", []int{200}},
		"an authority as the target":     {"CONNECT usher:443 HTTP/1.1\r\nHost: usher:443\r\n\r\n", []int{404}},
		"OPTIONS *":                      {"OPTIONS * HTTP/1.1\r\nHost: usher\r\n\r\n", []int{404}},
		"no host":                        {"GET /healthz HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":                      {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}},
		"HTTP/1.0":                       {"GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		"HTTP/1.0 in chunks":             {"POST /token HTTP/1.0\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n" + chunk(login), []int{400}},
		"HTTP/0.9":                       {"GET /healthz\r\n\r\n", []int{400}},
		"HTTP/3.0":                       {"GET /healthz HTTP/3.0\r\nHost: usher\r\n\r\n", []int{505}},
		"HTTP/2 with prior knowledge":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{404}},
		"an upgrade to HTTP/2":           {health + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},
		"TLS":                            {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 32) + "\r\n\r\n", []int{400}},
		"a method of many letters":       {strings.Repeat("A", 2000) + " /healthz HTTP/1.1\r\nHost: usher\r\n\r\n", []int{405}},
		"headers of 1 MB":                {health + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", []int{431}},
		"10,000 headers":                 {health + strings.Repeat("X-A: b\r\n", 10_000) + "\r\n", []int{431}},
		"a path of 1 MB":                 {"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: usher\r\n\r\n", []int{431}},
		"a scope of 60 KiB":              {post(fmt.Sprintf("Content-Length: %d\r\n", len(login)+7+60<<10), login+"&scope="+strings.Repeat("s", 60<<10)), []int{400}},
		"a body that does not come":      {post("Content-Length: 100\r\n", "abc"), []int{400}},
		"an expectation that is unknown": {post("Expect: something\r\nContent-Length: 0\r\n", ""), []int{417}},
		"nothing":                        {"", nil},
		"blank lines":                    {"\r\n\r\n\r\n", []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.raw(tt.send, len(tt.want), !strings.HasPrefix(name, "a body that"))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %v (%v), want %v", got, err, tt.want)
			}
		})
	}
}

// raw sends bytes, waits for so many answers, says that no more will come, and returns
// the statuses of all answers until the server ends the connection. Where it does not
// wait, what was sent ends early.
func (s *testServer) raw(text string, answers int, wait bool) (statuses []int, err error) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	enough := make(chan struct{})
	go func() {
		// The server may have answered and closed before all is sent.
		_, _ = io.WriteString(conn, text)
		if wait {
			<-enough
		}
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	r := bufio.NewReader(conn)
	for {
		if len(statuses) == answers {
			close(enough)
		}
		res, err := http.ReadResponse(r, nil)
		if err == nil {
			statuses = append(statuses, res.StatusCode)
			_, err = io.Copy(io.Discard, res.Body)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET):
			return statuses, nil
		default:
			return statuses, err
		}
	}
}
