package handlers_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/internal/openapitest"
)

// fuzzed is a server that strange requests are sent to. Words in braces stand for
// what differs with each run, such as tokens, so that a corpus can be kept.
type fuzzed struct {
	public http.Handler
	words  *strings.Replacer
	access string // ann's
	live   string // refresh token of hers that nothing uses up
}

// fuzzedAddress is where strange requests come from: a proxy, so that each may have
// a network of its own and guesses are not all stopped.
const fuzzedAddress = "192.0.2.1:1234"

func newFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	s := newServer(f, func(c *settings) {
		c.Log = slog.New(slog.DiscardHandler)
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		c.CORSOrigins = []string{"https://app.example.com"}
	})
	h, err := handlers.New(s.config)
	check(f, err)
	ann, machine := s.login("ann"), s.machineToken()
	s.addClient(admin.NewClient{ID: "ops", Grants: []string{"client_credentials"}, Scopes: []string{accesstoken.AdminScope}})
	operator := decode[tokens](f, s.postAs("ops", "/token", "grant_type", "client_credentials")).Access
	spare, revoked := s.login("ann"), s.login("ann")
	if w := s.post("/revoke", "token", revoked.Refresh); w.Code != http.StatusOK {
		f.Fatalf("revoking: got %d %s", w.Code, w.Body)
	}
	basic := func(id string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(id, s.secrets[id])
		return r.Header.Get("Authorization")
	}
	return &fuzzed{
		public: h.Public,
		words: strings.NewReplacer(
			"{access}", ann.Access, "{refresh}", ann.Refresh, "{spare}", spare.Refresh, "{spareaccess}", spare.Access, "{machine}", machine, "{admin}", operator,
			"{ended}", revoked.Access, "{endedrefresh}", revoked.Refresh,
			"{api}", s.secrets["api"], "{job}", s.secrets["job"], "{apibasic}", basic("api"), "{jobbasic}", basic("job")),
		access: ann.Access,
		live:   ann.Refresh,
	}
}

// send sends a request that net/http would let pass, and holds the answer to what all
// answers are. It returns nil for one that would not get here.
func (z *fuzzed) send(t *testing.T, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil || !token(method) || u.Host != "" {
		return nil
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(z.words.Replace(body)))
	r.Method, r.URL, r.RequestURI, r.RemoteAddr = method, u, target, fuzzedAddress
	for i := 0; i < len(headers); i += 2 {
		name, value := headers[i], strings.Trim(z.words.Replace(headers[i+1]), " \t")
		if !token(name) || strings.ContainsFunc(value, control) {
			return nil
		}
		if value != "" {
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	began := time.Now()
	openapitest.Handler(z.public, func(err error) { t.Error(err) }).ServeHTTP(w, r)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the answer took %s", took)
	}
	wantSane(t, w)
	return w
}

// control reports what net/http takes in no header.
func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// token reports whether s is one (RFC 9110, section 5.6.2).
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x7f || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// wantSane demands what holds for every answer.
func wantSane(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 {
		t.Errorf("got %d %s, want no fault of the server", w.Code, w.Body)
	}
	h := w.Header()
	if h.Get("X-Request-Id") == "" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got the header %v, want X-Request-Id and nosniff", h)
	}
	for name, values := range h {
		for _, value := range values {
			if strings.ContainsFunc(value, control) {
				t.Errorf("%s: got %q, which has control characters", name, value)
			}
		}
	}
	body := w.Body.String()
	for _, leak := range []string{"$2a$", "SELECT ", "goroutine ", ".go:", "-----BEGIN"} {
		if strings.Contains(body, leak) && w.Code != http.StatusOK {
			t.Errorf("got %s, which tells of what is behind", body)
		}
	}
	if w.Code < 400 {
		return
	}
	var problem struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Error == "" || problem.Description == "" ||
		h.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %q, want an error in JSON with its description", w.Code, body)
	}
	if w.Code == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" && problem.Error != "invalid_client" {
		t.Errorf("got 401 %s without a challenge", body)
	}
	if w.Code == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
		t.Errorf("got 429 %s without Retry-After", body)
	}
}
