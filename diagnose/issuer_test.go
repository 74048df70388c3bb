package diagnose_test

import (
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/diagnose"
)

// broken is a set-up with one thing wrong, and what has to be said of it.
type broken struct {
	name    string
	setup   func(*siteConfig)
	examine func(*site, *diagnose.Issuer)
	// checks are all that are not ok, the one that names the fault first.
	checks     []string
	status     diagnose.Status
	found, fix string // parts of the text
}

const (
	fails = diagnose.Fail
	warns = diagnose.Warning
)

// behind is a set-up with a front.
func behind(f front) func(*siteConfig) { return func(c *siteConfig) { c.front = f } }

// served is a set-up with TLS.
func served(change ...func(*x509.Certificate)) func(*siteConfig) {
	return func(c *siteConfig) { c.tls = ca.serves(change...) }
}

func only(check string) []string { return []string{check} }

func TestEveryFaultIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(unreached, misnamed, obstructed, keySets, fromPages, bearers) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			setup := tt.setup
			if setup == nil {
				setup = func(*siteConfig) {}
			}
			s := newSite(t, setup)
			i := diagnose.Issuer{URL: s.URL, Transport: s.transport}
			if tt.examine != nil {
				tt.examine(s, &i)
			}
			expectFault(t, i.Examine(t.Context()), tt.checks, tt.status, tt.found, tt.fix)
		})
	}
}

// expectFault demands that these checks are not ok, and no others, and what is said
// of the first.
func expectFault(t *testing.T, findings []diagnose.Finding, checks []string, status diagnose.Status, found, fix string) {
	t.Helper()
	var got []string
	for _, f := range findings {
		if f.Status != diagnose.Fail && f.Status != diagnose.Warning {
			continue
		}
		got = append(got, f.Check)
		if f.Fix == "" || strings.ContainsAny(f.Found+f.Fix, "\n\r\x1b") {
			t.Errorf("got %+v, want a fix, and no more than a line", f)
		}
		if f.Check == checks[0] && (f.Status != status || !strings.Contains(f.Found, found) || !strings.Contains(f.Fix, fix)) {
			t.Errorf("got %+v, want %s with %q and the fix %q", f, status, found, fix)
		}
	}
	want := slices.Sorted(slices.Values(checks))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("checks that are not ok (-want +got):\n%s\nin %+v", diff, findings)
	}
}

func TestNothingIsWrongWithAGoodServer(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(*siteConfig){
		"plain":                 func(*siteConfig) {},
		"https":                 served(),
		"a path behind a proxy": func(c *siteConfig) { c.path = "/auth" },
		"https, a name, a path": func(c *siteConfig) { c.tls, c.host, c.path = ca.serves(), "auth.example.com", "/a/b" },
		"another audience":      func(c *siteConfig) { c.audience = "https://api.example.com" },
		"any page may call":     func(c *siteConfig) { c.origins = []string{"*"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, setup)
			local, signing := diagnose.Local{Database: "sqlite:" + s.database, File: s.database, MasterKeyFile: s.masterKey, DefaultClient: "web"}.Examine(t.Context())
			i := diagnose.Issuer{URL: s.URL, Origin: page, Audience: s.audience, Resource: s.orders(), SigningKey: signing, Transport: s.transport}
			if i.Audience == "" {
				i.Audience = s.URL
			}
			findings := append(local, i.Examine(t.Context())...)
			for _, f := range findings {
				if f.Status != diagnose.OK || f.Fix != "" {
					t.Errorf("got %+v, want nothing but ok", f)
				}
			}
			if len(findings) < 25 {
				t.Errorf("got %d findings, want more: %+v", len(findings), findings)
			}
		})
	}
}

// Not every server is usher: what RFC 8414 leaves out may be left out.
func TestAnotherServerPasses(t *testing.T) {
	t.Parallel()
	s := newSite(t, behind(all(
		metadata(func(m map[string]any) { delete(m, "introspection_endpoint"); delete(m, "revocation_endpoint") }),
		instead("/users/", 404, ""), instead("/readyz", 404, ""),
		altering(oauthPath, func(_ *http.Request, a *reply) { // out of a cache
			a.header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			a.header.Set("Age", "3600")
		}),
		altering("/token", func(_ *http.Request, a *reply) { a.status, a.body = 401, `{"error":"invalid_client"}` }),
	)))
	findings := diagnose.Issuer{URL: s.URL, Transport: s.transport}.Examine(t.Context())
	var skipped []string
	for _, f := range findings {
		switch f.Status {
		case diagnose.Skipped:
			skipped = append(skipped, f.Check)
		case diagnose.OK:
		default:
			t.Errorf("got %+v, want nothing wrong", f)
		}
	}
	if diff := cmp.Diff([]string{"ready", "bearer resources"}, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}
