package accesstoken_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
)

func TestSignAs(t *testing.T) {
	t.Parallel()
	plain, err := json.Marshal(machine())
	if err != nil {
		t.Fatal(err)
	}
	body := string(plain[:len(plain)-1])
	for name, tt := range map[string]struct {
		extra accesstoken.Extra
		want  string
	}{
		"nothing": {accesstoken.Extra{}, body + `}`},
		"all": {
			accesstoken.Extra{AuthorizedParty: "job", ScopeList: []string{"a", "b"}, Role: "writer", Username: "änn"},
			body + `,"azp":"job","scp":["a","b"],"role":"writer","username":"änn"}`,
		},
		"one": {accesstoken.Extra{Role: "writer"}, body + `,"role":"writer"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range accesstoken.Types() {
				s := new(signer)
				if _, err := accesstoken.SignAs(s, epoch, typ, machine(), tt.extra); err != nil {
					t.Fatal(err)
				}
				if s.typ != typ {
					t.Errorf("got typ %q, want %q", s.typ, typ)
				}
				if diff := cmp.Diff(tt.want, string(s.payload)); diff != "" {
					t.Errorf("payload (-want +got):\n%s", diff)
				}
				// Whoever reads it as an access token sees nothing else than before.
				if read, err := accesstoken.Parse(s.payload); err != nil || !cmp.Equal(read, machine()) {
					t.Errorf("read again: got %v, %v", read, err)
				}
			}
		})
	}
}

func TestSignAsRefusesOtherTypes(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"", "jwt", "token-introspection+jwt", "id+jwt"} {
		s := new(signer)
		if _, err := accesstoken.SignAs(s, epoch, typ, machine(), accesstoken.Extra{}); err == nil || s.payload != nil {
			t.Errorf("typ %q: got %v and %s signed, want an error", typ, err, s.payload)
		}
	}
	c := machine()
	c.ClientID = ""
	if _, err := accesstoken.SignAs(new(signer), epoch, accesstoken.TypeJWT, c, accesstoken.Extra{AuthorizedParty: "job"}); !errors.Is(err, accesstoken.ErrInvalid) {
		t.Errorf("without client_id: got %v, want ErrInvalid", err)
	}
}

func TestRoleOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scopes []string
		role   string
		ok     bool
	}{
		"none":            {nil, "", true},
		"another":         {[]string{"profile", "roles", "Role:x", "myrole:x"}, "", true},
		"one":             {[]string{"profile", "role:web_user"}, "web_user", true},
		"with a colon":    {[]string{"role:a:b"}, "a:b", true},
		"without a name":  {[]string{"role:", "profile"}, "", true},
		"the same twice":  {[]string{"role:a", "role:a"}, "a", true},
		"two":             {[]string{"role:a", "role:b"}, "", false},
		"one and no name": {[]string{"role:", "role:b"}, "b", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if role, ok := accesstoken.RoleOf(tt.scopes); role != tt.role || ok != tt.ok {
				t.Errorf("got %q, %t, want %q, %t", role, ok, tt.role, tt.ok)
			}
		})
	}
}
