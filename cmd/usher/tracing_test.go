package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

// otlp is a collector of spans.
type otlp struct {
	url  string
	mu   sync.Mutex
	raw  []byte
	seen []*spans.Span
}

func startCollector(t *testing.T) *otlp {
	t.Helper()
	c := new(otlp)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw = append(c.raw, body...)
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.seen = append(c.seen, scope.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// tree draws the spans of a trace, children indented beneath their parent, each name
// once beneath it.
func (c *otlp) tree(trace string) string {
	var b strings.Builder
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		var drawn []string
		for _, s := range c.seen {
			if fmt.Sprintf("%x", s.TraceId) != trace || fmt.Sprintf("%x", s.ParentSpanId) != parent || slices.Contains(drawn, s.Name) {
				continue
			}
			drawn = append(drawn, s.Name)
			b.WriteString(indent + s.Name + "\n")
			draw(fmt.Sprintf("%x", s.SpanId), indent+"  ")
		}
	}
	draw("00f067aa0ba902b7", "") // of the traceparent below
	return b.String()
}

// A login and a refresh are told to a collector, as part of the trace that the caller
// began, and nothing that must stay secret is.
func TestRequestsAreTraced(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(*testing.T) site{
		"on the embedded database": func(t *testing.T) site { return site{dir: t.TempDir()} },
		"on PostgreSQL":            func(t *testing.T) site { return onPostgres(t, postgrestest.Schema(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := at(t)
			furnishDurably(t, at)
			c := startCollector(t)
			at.env = append(at.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.url)
			s := startServerAt(t, at, durable...)
			const login, refresh = "4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4737"
			first := s.traced(login, url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}, "client_id": {"web"}})
			second := s.traced(refresh, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}, "client_id": {"web"}})
			if got := s.Stop(); got != 0 { // which sends what is left
				t.Fatalf("got exit status %d", got)
			}
			if !strings.Contains(s.Logs(), "trace_id="+login) {
				t.Error("no line of the log has the id of the trace")
			}
			tree := c.tree(login)
			for _, want := range []string{"POST /token\n  grant password\n", "    SELECT\n", "    hash\n"} {
				if !strings.Contains(tree, want) {
					t.Errorf("the login is told as\n%s, without\n%s", tree, want)
				}
			}
			if tree := c.tree(refresh); !strings.HasPrefix(tree, "POST /token\n  grant refresh_token\n") || !strings.Contains(tree, "    UPDATE\n") {
				t.Errorf("the refresh is told as\n%s", tree)
			}
			for what, secret := range map[string]string{
				"password": annsPassword, "user name": "ann\"", "access token": first.AccessToken, "refresh token": first.RefreshToken, "successor": second.RefreshToken,
			} {
				if strings.Contains(string(c.raw), secret) {
					t.Errorf("the spans have the %s", what)
				}
			}
		})
	}
}

// traced sends a token request as part of a trace.
func (s *testServer) traced(trace string, form url.Values) (answer tokens) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	status, body := s.do(req)
	if status != http.StatusOK {
		s.t.Fatalf("got %d %s", status, body)
	}
	decode(s.t, body, &answer)
	return answer
}

// A collector that is away costs no request anything but a line in the log.
func TestACollectorThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	furnishDurably(t, at)
	at.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + freeAddress(t), "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_EXPORTER_OTLP_TIMEOUT=200"}
	s := startServerAt(t, at, durable...)
	s.login("web", "ann", annsPassword)
	eventually(t, "the fault is told", func() (bool, string) { return strings.Contains(s.Logs(), "spans could not be sent"), s.Logs() })
}
