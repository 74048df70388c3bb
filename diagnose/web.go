package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// answerTime is how long one question may take, from the name to the last byte.
	answerTime = 5 * time.Second
	// maxBody is how much of an answer is read, in bytes.
	maxBody = 1 << 20
	// maxRedirects is how many redirects are followed, all to the same place.
	maxRedirects = 3
)

// web asks servers questions.
type web struct {
	client *http.Client
	now    func() time.Time
}

// newWeb returns a web that goes through transport, or a default one where that is
// nil. The caller closes it.
//
// A redirect is followed for what is only read, and only to the same scheme, host
// and port; else it is the answer.
func newWeb(transport *http.Transport, now func() time.Time) web {
	if transport == nil {
		transport, _ = http.DefaultTransport.(*http.Transport)
	}
	return web{now: now, client: &http.Client{
		Transport: transport.Clone(),
		Timeout:   answerTime,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0]
			if first.Method != http.MethodGet || len(via) > maxRedirects || origin(req.URL) != origin(first.URL) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// newWaryWeb is newWeb for addresses that a stranger chose, such as the writer of
// a token: link-local ones (RFC 3927, and RFC 4291, section 2.5.6), where clouds
// keep the credentials of machines, are refused.
func newWaryWeb(transport *http.Transport, now func() time.Time) web {
	w := newWeb(transport, now)
	if t, ok := w.client.Transport.(*http.Transport); ok && transport == nil {
		t.DialContext = (&net.Dialer{Timeout: answerTime, Control: func(_, address string, _ syscall.RawConn) error {
			if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Unmap().IsLinkLocalUnicast() {
				return errLinkLocal
			}
			return nil
		}}).DialContext
	}
	return w
}

var errLinkLocal = errors.New("link-local address")

func (w web) close() { w.client.CloseIdleConnections() }

// answer is what a server said.
type answer struct {
	address string
	status  int
	header  http.Header
	body    []byte
	cut     bool      // the body is longer than maxBody
	at      time.Time // in the middle between question and answer, by our clock
	slack   time.Duration
	leaf    time.Time // when the server's certificate ends; zero without TLS
}

func (w web) get(ctx context.Context, address string, header ...string) (answer, error) {
	return w.ask(ctx, http.MethodGet, address, "", header...)
}

// post sends a form.
func (w web) post(ctx context.Context, address, form string, header ...string) (answer, error) {
	return w.ask(ctx, http.MethodPost, address, form, append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

// ask sends a request, with names and values of header fields in turn.
func (w web) ask(ctx context.Context, method, address, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	began := w.now()
	resp, err := w.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	took := w.now().Sub(began)
	a := answer{address: address, status: resp.StatusCode, header: resp.Header, at: began.Add(took / 2), slack: took / 2}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		a.leaf = resp.TLS.PeerCertificates[0].NotAfter
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, err
	}
	if len(a.body) > maxBody {
		a.body, a.cut = a.body[:maxBody], true
	}
	return a, nil
}

// redirect returns where an answer sends its client, and nothing if it doesn't.
func (a answer) redirect() string {
	if a.status < 300 || a.status > 399 || a.status == http.StatusNotModified {
		return ""
	}
	location := a.header.Get("Location")
	base, err := url.Parse(a.address)
	if err != nil {
		return location
	}
	to, err := base.Parse(location)
	if err != nil {
		return location
	}
	return to.String()
}

// unreachable reports whether a proxy says that it got nowhere.
func (a answer) unreachable() bool {
	return a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout
}

// says is an answer in a few words: its status, and who wrote it.
func (a answer) says() string {
	status := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	if to := a.redirect(); to != "" {
		return fmt.Sprintf("%d, a redirect to %s", a.status, plain(to))
	}
	if server := a.header.Get("Server"); server != "" {
		status += " by " + plain(server)
	}
	return status
}

// html reports whether the body is a page for people.
func (a answer) html() bool {
	return strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "html") ||
		strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 64)])), "<")
}

// origin is scheme, host and port of a URL, the way it writes them.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
