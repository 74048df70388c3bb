package diagnose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// Names of the checks that everything else stands on.
const (
	checkReachable = "reachable"
	checkTLS       = "tls"
)

// silence is why there was no answer.
type silence struct {
	check      string // checkReachable or checkTLS
	found, fix string
}

// explain says why a question to address got no answer.
func explain(err error, address string, now time.Time) silence {
	host, port := hostAndPort(address)
	at := net.JoinHostPort(host, port)
	if s, ok := explainTLS(err, host, at, now); ok {
		return s
	}
	s := silence{check: checkReachable}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		s.found = fmt.Sprintf("%s is asked by way of a proxy, which does not answer", at)
		s.fix = "put right HTTP_PROXY or HTTPS_PROXY of this machine, or add the host to NO_PROXY"
	case errors.Is(err, errLinkLocal):
		s.found = fmt.Sprintf("%s is at a link-local address, which is not asked because a token says so", plain(host))
		s.fix = "if it is yours, name it with --issuer"
	case errors.As(err, &dns) && dns.IsNotFound:
		s.found = fmt.Sprintf("there is no host %s", plain(host))
		s.fix = "check the spelling, or add the name to the DNS (or /etc/hosts) that this machine asks"
	case errors.As(err, &dns):
		s.found = fmt.Sprintf("the name server did not tell the address of %s", plain(host))
		s.fix = "look at the name servers in /etc/resolv.conf; they do not answer this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		s.found = fmt.Sprintf("nothing listens at %s (connection refused)", at)
		s.fix = "start the server (usher serve), or give the address it listens on; in a container 127.0.0.1 is the container itself"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		s.found = fmt.Sprintf("there is no way through the network to %s", at)
		s.fix = "look at the routes of this machine and the address of that name"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		s.found = fmt.Sprintf("%s gave no answer within %s", at, answerTime)
		s.fix = "a firewall drops the packets, or what listens there hangs: try it from that machine itself"
	case errors.Is(err, http.ErrSchemeMismatch):
		s.found = fmt.Sprintf("%s speaks http, not https", at)
		s.fix = "write the URL with http://, or give the server a certificate (--tls-cert and --tls-key, or a proxy)"
	// The second is what net/http says of a server that speaks before it is asked.
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "readLoopPeekFail"):
		s.found = fmt.Sprintf("what listens at %s speaks no http", at)
		s.fix = "write the URL with https:// if it speaks that; else it is another program's port"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		s.found = fmt.Sprintf("%s closed the connection without an answer", at)
		s.fix = "a port of https does so where http is spoken, and a proxy that has lost its server: check scheme and port, and look at its log"
	default:
		s.found = fmt.Sprintf("%s can't be asked: %s", at, plain(cause(err)))
		s.fix = "check scheme, host and port of the URL"
	}
	return s
}

// explainTLS says what is wrong with a certificate or the handshake.
func explainTLS(err error, host, at string, now time.Time) (silence, bool) {
	s := silence{check: checkTLS}
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		s.found = fmt.Sprintf("the certificate of %s is only good from %s", at, stamp(invalid.Cert.NotBefore))
		s.fix = "put the clock of this machine right, or wait"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		s.found = fmt.Sprintf("the certificate of %s expired %s (%s)", at, relative(invalid.Cert.NotAfter, now), stamp(invalid.Cert.NotAfter))
		s.fix = "renew it, then let what serves it read it: usher does so at its start and at a SIGHUP"
	case errors.As(err, &name):
		s.found = fmt.Sprintf("the certificate of %s is for %s, not for %s", at, namesOf(name.Certificate), plain(host))
		s.fix = "get one for this name, or give the URL with a name it has"
	case errors.As(err, &unknown) && unknown.Cert != nil && unknown.Cert.Issuer.String() == unknown.Cert.Subject.String():
		s.found = fmt.Sprintf("the certificate of %s is signed by itself, so nobody vouches for it", at)
		s.fix = "get one from a CA, or add it to what clients trust (here: SSL_CERT_FILE=its.pem usher …)"
	case errors.As(err, &unknown):
		issuer := "a CA"
		if unknown.Cert != nil {
			issuer = quoted(unknown.Cert.Issuer.CommonName)
		}
		s.found = fmt.Sprintf("the certificate of %s is signed by %s, whom this machine does not know", at, issuer)
		s.fix = "serve the intermediate certificates too (the full chain in --tls-cert), or add the CA to what clients trust (here: SSL_CERT_FILE=ca.pem usher …)"
	case errors.As(err, &invalid):
		s.found = fmt.Sprintf("the certificate of %s can't be used: %s", at, plain(strings.TrimPrefix(invalid.Error(), "x509: ")))
		s.fix = "get another certificate"
	case errors.As(err, &alert):
		s.found = fmt.Sprintf("%s refused the TLS handshake: %s", at, plain(strings.TrimPrefix(alert.Error(), "tls: ")))
		s.fix = "it has to take TLS 1.2 or newer, know this host name, and ask for no certificate of the client"
	case errors.As(err, &record):
		s.check = checkReachable
		s.found = fmt.Sprintf("%s does not speak TLS", at)
		s.fix = "write the URL with http://, or give the server a certificate (--tls-cert and --tls-key, or a proxy)"
	case strings.Contains(err.Error(), "tls: "):
		s.found = fmt.Sprintf("no TLS connection to %s: %s", at, plain(strings.TrimPrefix(cause(err), "tls: ")))
		s.fix = "it has to take TLS 1.2 or newer"
	default:
		return silence{}, false
	}
	return s, true
}

// namesOf lists what a certificate vouches for.
func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host name at all"
	}
	return plain(strings.Join(names, ", "))
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// cause is the innermost text of what went wrong on the way.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

// hostAndPort of a URL, with the port that its scheme means.
func hostAndPort(address string) (host, port string) {
	u, err := url.Parse(address)
	if err != nil {
		return address, ""
	}
	port = u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname(), port
}
