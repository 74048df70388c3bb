package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The decoded header and claims of each grant's token. What is random is replaced
// by its name.
func TestGoldenTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login("scope", "profile read")
	s.clock.Advance(5 * time.Minute)
	refreshed, err := s.refresh(login.RefreshToken, "scope", "read")
	if err != nil {
		t.Fatal(err)
	}
	form := values("grant_type", "client_credentials", "resource", "https://api.example", "audience", "jobs")
	machine, err := s.Token(t.Context(), request(t, form, "api", s.secret))
	if err != nil {
		t.Fatal(err)
	}
	document, err := s.Document(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(document.JSON, &set); err != nil {
		t.Fatal(err)
	}
	c, m := s.claims(login.AccessToken), s.claims(machine.AccessToken)
	r := s.claims(refreshed.AccessToken)
	names := strings.NewReplacer(set.Keys[0].Kid, "KID", c.Subject, "USER-ID", c.ID, "JTI", r.ID, "JTI", m.ID, "JTI")
	for name, token := range map[string]string{
		"password": login.AccessToken, "refresh_token": refreshed.AccessToken, "client_credentials": machine.AccessToken,
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".token", names.Replace(decode(t, token)))
		})
	}
}

// decode returns header and payload of a JWT, indented, as they were sent.
func decode(t testing.TB, token string) string {
	t.Helper()
	var out bytes.Buffer
	for _, part := range strings.Split(token, ".")[:2] {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
