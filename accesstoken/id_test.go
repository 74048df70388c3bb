package accesstoken_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/accesstoken"
)

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		id   accesstoken.ID
		form string
	}{
		{"login", accesstoken.ID{Grant: "gR4nt-_", UserEpoch: "uuuu", ClientEpoch: "cccc"}, `^gR4nt-_\.uuuu\.cccc\.[A-Za-z0-9_-]{16}$`},
		{"client_credentials", accesstoken.ID{ClientEpoch: "cccc"}, `^\.\.cccc\.[A-Za-z0-9_-]{16}$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			jti := accesstoken.NewID(tt.id)
			if !regexp.MustCompile(tt.form).MatchString(jti) {
				t.Errorf("got %q, want it to match %s", jti, tt.form)
			}
			if again := accesstoken.NewID(tt.id); again == jti {
				t.Errorf("got %q twice", jti)
			}
			if got, ok := accesstoken.ParseID(jti); !ok || got != tt.id {
				t.Errorf("ParseID(%q): got %+v, %t, want %+v", jti, got, ok, tt.id)
			}
		})
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for name, jti := range map[string]string{
		"nothing":           "",
		"another id":        "01J9Z6Q0",
		"three parts":       "g.u.c",
		"five parts":        "g.u.c.r.x",
		"no client":         "g.u..r",
		"no random part":    "g.u.c.",
		"a grant, no user":  "g..c.r",
		"a user, no grant":  ".u.c.r",
		"a blank":           "g.u.c.r ",
		"not base64url":     "g.u.c.r+",
		"not ASCII":         "g.u.c.é",
		"longer than it is": "g.u.c." + strings.Repeat("r", 300),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := accesstoken.ParseID(jti); ok || got != (accesstoken.ID{}) {
				t.Errorf("ParseID(%q): got %+v, %t, want nothing", jti, got, ok)
			}
		})
	}
}
