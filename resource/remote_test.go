package resource_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/resource"
)

// expect verifies a token and compares the requests that it made.
func expect(t *testing.T, i *issuer, r *resource.Resource, when, token string, want error, requests ...string) {
	t.Helper()
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", when, err, want)
	}
	if diff := cmp.Diff(requests, i.asked()); diff != "" {
		t.Errorf("%s: requests (-want +got):\n%s", when, diff)
	}
}

const jwks = "/jwks.json"

func TestKeysAreFetchedOncePerMaxAge(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() { i.header.Set("Cache-Control", "public, max-age=120") })
	r := i.api(t)
	token := i.token(t)
	expect(t, i, r, "first", token, nil, jwks)
	expect(t, i, r, "second", token, nil)
	i.advance(120*time.Second - 1)
	expect(t, i, r, "before the end", token, nil)
	i.advance(1)
	expect(t, i, r, "at the end", token, nil, jwks, "304")
	i.advance(119 * time.Second)
	expect(t, i, r, "after a 304", token, nil)
	i.advance(time.Second)
	i.replaceKeys(t)
	expect(t, i, r, "with other keys", token, resource.ErrInvalid, jwks)
	expect(t, i, r, "with a token of these", i.token(t), nil)
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cacheControl, age string
		want                    time.Duration
	}{
		{"nothing said", "", "", 5 * time.Minute},
		{"max-age", "max-age=60", "", time.Minute},
		{"quoted and in capitals", `public, MAX-AGE="60"`, "", time.Minute},
		{"old already", "max-age=60", "20", 40 * time.Second},
		{"older than it may be", "max-age=60", "100", time.Second},
		{"no-cache", "no-cache", "", time.Second},
		{"no-store wins", "max-age=60, no-store", "", time.Second},
		{"zero", "max-age=0", "", time.Second},
		{"not a number", "max-age=soon", "", time.Second},
		{"negative", "max-age=-1", "", time.Second},
		{"too long", "max-age=31536000", "", 24 * time.Hour},
		{"overflowing", "max-age=99999999999999999999", "", 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.set(func() {
				i.header["Cache-Control"] = []string{tt.cacheControl}
				i.header.Set("Age", tt.age)
			})
			r := i.api(t)
			c := i.claims()
			c.Expiry += 48 * 3600
			token := i.sign(t, c)
			expect(t, i, r, "first", token, nil, jwks)
			i.advance(tt.want - 1)
			expect(t, i, r, "just fresh", token, nil)
			i.advance(1)
			expect(t, i, r, "stale", token, nil, jwks, "304")
		})
	}
}

func TestUnknownKeyIsLookedForOncePerTenSeconds(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r := i.api(t)
	expect(t, i, r, "first", i.token(t), nil, jwks)
	i.replaceKeys(t)
	expect(t, i, r, "new key, too early", i.token(t), resource.ErrInvalid)
	i.advance(10*time.Second - 1)
	expect(t, i, r, "new key, still too early", i.token(t), resource.ErrInvalid)
	i.advance(1)
	expect(t, i, r, "new key", i.token(t), nil, jwks)

	i.advance(10 * time.Second)
	stranger := newIssuer(t)
	expect(t, i, r, "strange key", stranger.token(t), resource.ErrInvalid, jwks, "304")
	expect(t, i, r, "strange key again", stranger.token(t), resource.ErrInvalid)
	i.advance(10 * time.Second)
	expect(t, i, r, "garbage", "x.y.z", resource.ErrInvalid)
	valid := i.token(t)
	expect(t, i, r, "wrong signature of a known key", valid[:len(valid)-4]+"AAAA", resource.ErrInvalid)
}

func TestFetchesAreSingleFlight(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r := i.api(t)
	together := func(token string) {
		t.Helper()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := r.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff([]string{jwks}, i.asked()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	}
	together(i.token(t))
	i.replaceKeys(t)
	i.advance(10 * time.Second)
	together(i.token(t))
	i.replaceKeys(t)
	i.advance(time.Hour)
	together(i.token(t))
}

// faults are the ways in which an issuer may fail to serve its keys.
var faults = map[string]func(*issuer, http.ResponseWriter){
	"an error":         func(_ *issuer, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
	"not found":        func(_ *issuer, w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
	"no content":       func(_ *issuer, w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
	"nonsense":         func(_ *issuer, w http.ResponseWriter) { io.WriteString(w, "<html>") },
	"another document": func(_ *issuer, w http.ResponseWriter) { io.WriteString(w, "{}") },
	"more than a MiB":  func(_ *issuer, w http.ResponseWriter) { io.WriteString(w, `{"keys":[]}`+strings.Repeat(" ", 1<<20)) },
	"a cut answer": func(_ *issuer, w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"keys":[]}`)
	},
	"a loop":            func(_ *issuer, w http.ResponseWriter) { redirect(w, jwks) },
	"a dropped line":    func(*issuer, http.ResponseWriter) { panic(http.ErrAbortHandler) },
	"304 without a tag": func(_ *issuer, w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) },
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

func TestOldKeysStayWhileTheIssuerIsDown(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		if name == "304 without a tag" {
			continue // with old keys it is no fault
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			r := i.api(t)
			token := i.token(t)
			expect(t, i, r, "first", token, nil, jwks)
			i.set(func() { i.answer = func(w http.ResponseWriter) { fault(i, w) } })
			i.advance(6 * time.Minute)
			if _, err := r.Verify(t.Context(), token); err != nil {
				t.Errorf("stale: %v", err)
			}
			if len(i.asked()) == 0 {
				t.Error("stale: the issuer was not asked")
			}
			i.advance(10*time.Second - 1)
			expect(t, i, r, "a moment later", token, nil)
		})
	}
}

func TestWithoutKeysATokenIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.set(func() { i.answer = func(w http.ResponseWriter) { fault(i, w) } })
			r := i.api(t)
			token := i.token(t)
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, resource.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			i.asked()
			i.up()
			expect(t, i, r, "too early", token, resource.ErrUnavailable)
			i.advance(time.Second)
			expect(t, i, r, "a second later", token, nil, jwks)
		})
	}
}

// roundTripper answers requests without a network, so that time can be fake.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRedirects(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	token := i.token(t)
	document := string(i.ring.Document(epoch).JSON)
	const from = "https://auth.example/keys"
	anywhere := func(*http.Request, []*http.Request) error { return nil }
	for _, tt := range []struct {
		name, to string
		policy   func(*http.Request, []*http.Request) error
		want     error
	}{
		{"on the host", "https://auth.example/moved", nil, nil},
		{"to another host", "https://other.example/keys", nil, resource.ErrUnavailable},
		{"to another port", "https://auth.example:8443/keys", nil, resource.ErrUnavailable},
		{"into the clear", "http://auth.example/keys", nil, resource.ErrUnavailable},
		{"as the client allows", "https://other.example/keys", anywhere, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			transport := roundTripper(func(r *http.Request) (*http.Response, error) {
				resp := &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: io.NopCloser(strings.NewReader(document)), Request: r}
				if r.URL.String() == from {
					resp.StatusCode = http.StatusFound
					resp.Header.Set("Location", tt.to)
				}
				return resp, nil
			})
			r := i.api(t, func(c *resource.Config) {
				c.JWKSURL = from
				c.HTTPClient = &http.Client{Transport: transport, CheckRedirect: tt.policy}
			})
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// An issuer that takes connections and never answers must not hang its APIs.
func TestIssuerThatHangs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	token := i.token(t)
	document := string(i.ring.Document(epoch).JSON)
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		var asked atomic.Int32
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			if hangs.Load() {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(document))}, nil
		})
		r := i.api(t, func(c *resource.Config) { c.HTTPClient = &http.Client{Transport: transport} })
		took := func(ctx context.Context, want error) time.Duration {
			t.Helper()
			start := time.Now()
			if _, err := r.Verify(ctx, token); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			return time.Since(start)
		}

		hangs.Store(true)
		brief, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if got := took(brief, resource.ErrUnavailable); got != 3*time.Second {
			t.Errorf("no keys, the caller has 3s: took %s", got)
		}
		if got := took(t.Context(), resource.ErrUnavailable); got != 7*time.Second || asked.Load() != 1 {
			t.Errorf("no keys, waiting for the same fetch: took %s and %d fetches, want 7s and 1", got, asked.Load())
		}
		hangs.Store(false)
		i.advance(time.Second)
		if got := took(t.Context(), nil); got != 0 {
			t.Errorf("the issuer is back: took %s", got)
		}
		hangs.Store(true)
		i.advance(6 * time.Minute)
		if got := took(t.Context(), nil); got != 2*time.Second {
			t.Errorf("old keys, first request: took %s, want 2s", got)
		}
		time.Sleep(time.Minute) // of the bubble, which takes none: the fetch runs into its timeout
		i.advance(time.Minute)
		if got := took(t.Context(), nil); got != 0 {
			t.Errorf("old keys, issuer known to fail: took %s, want no wait", got)
		}
		time.Sleep(time.Minute)
		hangs.Store(false)
		i.advance(time.Minute)
		before := asked.Load()
		took(t.Context(), nil)
		synctest.Wait()
		took(t.Context(), nil)
		if got := asked.Load() - before; got != 1 {
			t.Errorf("the issuer is back: got %d fetches, want 1", got)
		}
	})
}
