package diagnose_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-oauth/usher/diagnose"
)

var unreached = []broken{
	{
		"nothing listens", func(c *siteConfig) { c.raw = func(net.Conn) {} },
		func(_ *site, i *diagnose.Issuer) { i.URL = "http://127.0.0.1:1" },
		only("reachable"), fails, "nothing listens at 127.0.0.1:1", "usher serve",
	},
	{
		"a proxy of this machine that is down", nil, func(s *site, _ *diagnose.Issuer) {
			s.transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }
		},
		only("reachable"), fails, "by way of a proxy", "NO_PROXY",
	},
	{
		"no such host", nil, func(s *site, i *diagnose.Issuer) { i.URL = "http://auth.example.com"; s.resolve(nxdomain) },
		only("reachable"), fails, "there is no host auth.example.com", "spelling",
	},
	{
		"the name server fails", nil, func(s *site, i *diagnose.Issuer) { i.URL = "http://auth.example.com"; s.resolve(servfail) },
		only("reachable"), fails, "did not tell the address", "/etc/resolv.conf",
	},
	{
		"https on a port of http", nil, func(_ *site, i *diagnose.Issuer) { i.URL = strings.Replace(i.URL, "http:", "https:", 1) },
		only("reachable"), fails, "speaks http, not https", "http://",
	},
	{
		"http on a port of https", served(), func(_ *site, i *diagnose.Issuer) { i.URL = strings.Replace(i.URL, "https:", "http:", 1) },
		only("reachable"), fails, "speaks https, not http", "https://",
	},
	{
		"a connection without an answer", func(c *siteConfig) { c.raw = func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1024)) } }, nil,
		only("reachable"), fails, "closed the connection without an answer", "check scheme and port",
	},
	{
		"another protocol", func(c *siteConfig) {
			c.raw = func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")) }
		}, nil,
		only("reachable"), fails, "speaks no http", "another program's port",
	},
	{
		"no answer in time", func(c *siteConfig) {
			c.raw = func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
		},
		func(s *site, _ *diagnose.Issuer) { s.transport.ResponseHeaderTimeout = 50 * time.Millisecond },
		only("reachable"), fails, "gave no answer", "firewall",
	},
	{
		"an expired certificate", served(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-90*24*time.Hour), time.Now().Add(-3*24*time.Hour-time.Hour)
		}), nil,
		only("tls"), fails, "expired 3 days ago", "SIGHUP",
	},
	{
		"a certificate of tomorrow", served(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }), nil,
		only("tls"), fails, "is only good from", "clock",
	},
	{
		"a certificate of another host", served(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"www.example.com"} }), nil,
		only("tls"), fails, "is for www.example.com, not for 127.0.0.1", "get one for this name",
	},
	{
		"a certificate of an unknown CA", func(c *siteConfig) { c.tls, c.roots = ca.serves(), false }, nil,
		only("tls"), fails, `signed by "Test CA", whom this machine does not know`, "full chain",
	},
	{
		"a certificate signed by itself", func(c *siteConfig) { c.tls = selfSigned() }, nil,
		only("tls"), fails, "signed by itself", "SSL_CERT_FILE",
	},
	{
		"a certificate about to end", served(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(5*24*time.Hour + time.Hour) }), nil,
		only("tls"), warns, "ends in 5 days", "renew it",
	},
	{
		"a redirect to https", behind(func(_ *site, _ http.Handler) http.Handler {
			return http.RedirectHandler("https://auth.example.com/", http.StatusMovedPermanently)
		}), nil,
		only("redirect"), fails, "sends its clients on to https://auth.example.com", "usher doctor https://auth.example.com",
	},
	{
		"http to another machine", func(c *siteConfig) { c.host = "auth.example.com" }, nil,
		only("https"), fails, "in the clear", "certificate",
	},
}

// Answers of DNS (RFC 1035, section 4.1.1).
const (
	servfail = 2
	nxdomain = 3
)

// resolve makes a name server of the test's answer every question with that code.
func (s *site) resolve(code byte) {
	s.t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(s.t.Context(), "udp", "127.0.0.1:0")
	check(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			answer := bytes.Clone(question[:n])
			answer[2], answer[3] = 0x81, 0x80|code
			answer[10], answer[11] = 0, 0 // no additional records
			answer = answer[:questionEnd(answer)]
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}}
	s.transport.DialContext = dialer.DialContext
}

// questionEnd is where the one question of a message ends.
func questionEnd(message []byte) int {
	i := 12
	for message[i] != 0 {
		i += int(message[i]) + 1
	}
	return i + 5
}
