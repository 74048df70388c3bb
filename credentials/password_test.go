package credentials_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/credentials"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, password, want string }{
		{"8 characters", "hunter22", ""},
		{"8 characters of 4 bytes", strings.Repeat("🔑", 8), ""},
		{"72 bytes", strings.Repeat("a", 72), ""},
		{"spaces all over", " a b c d ", ""},
		{"empty", "", "has 0 characters: choose one of at least 8"},
		{"7 characters in 8 bytes", "hunteré", "has 7 characters"},
		{"73 bytes", strings.Repeat("a", 73), "has 73 bytes in UTF-8: choose one of at most 72"},
		{"37 characters in 74 bytes", strings.Repeat("é", 37), "has 74 bytes"},
		{"NUL", "hunter22\x00", "NUL"},
		{"invalid UTF-8", "hunter22\xff", "not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := credentials.CheckPassword(tt.password)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			if !errors.Is(err, credentials.ErrPassword) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrPassword with %q", err, tt.want)
			}
			if tt.password != "" && strings.Contains(err.Error(), tt.password) {
				t.Errorf("%q repeats the password", err)
			}
		})
	}
}

func TestClientID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "demo-api", "A.b_c~9", strings.Repeat("x", 64)} {
		if err := credentials.ClientID(id); err != nil {
			t.Errorf("ClientID(%q): got %v, want no error", id, err)
		}
	}
	for _, id := range []string{"", "a b", "a:b", "a%20b", "é", "demo\n", strings.Repeat("x", 65)} {
		if err := credentials.ClientID(id); !errors.Is(err, credentials.ErrClientID) {
			t.Errorf("ClientID(%q): got %v, want ErrClientID", id, err)
		}
	}
}
