package credentials_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usher-oauth/usher/credentials"
)

func TestUsernameHasOneForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, raw, want string }{
		{"as it is", "johndoe", "johndoe"},
		{"case", "JohnDoe", "johndoe"},
		{"e-mail address", "Ann.Lee+news@Example.com", "ann.lee+news@example.com"},
		{"signs", `a!b"c:d/e\f`, `a!b"c:d/e\f`},
		{"digits alone", "12345", "12345"},
		{"one letter", "x", "x"},
		{"full width", "ＡＮＮ", "ann"},
		{"composed", "Jose\u0301", "jos\u00e9"},
		{"Greek", "ΑΘΗΝΆ", "αθηνά"},
		{"right to left", "אבג", "אבג"},
		{"longest", strings.Repeat("é", 127), strings.Repeat("é", 127)},
		{"longest only once mapped", strings.Repeat("Ａ", 254), strings.Repeat("a", 254)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := credentials.Username(tt.raw)
			if err != nil || got != tt.want {
				t.Errorf("Username(%q): got %q, %v, want %q", tt.raw, got, err, tt.want)
			}
		})
	}
}

func TestUsernameRefusalSaysWhy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, raw, want string }{
		{"empty", "", "is empty"},
		{"space", "john doe", "U+0020"},
		{"leading space", " ann", "U+0020"},
		{"NUL", "ann\x00", "U+0000"},
		{"line break", "ann\n", "U+000A"},
		{"zero width", "an\u200bn", "U+200B"},
		{"ligature, which would be another name", "ﬁn", "U+FB01"},
		{"invalid UTF-8", "ann\xff", "not valid UTF-8"},
		{"two directions", "אבגabc", "may not stand together"},
		{"255 bytes", strings.Repeat("a", 255), "255 bytes: at most 254"},
		{"64 KiB", strings.Repeat("a", 64<<10), "65536 bytes: at most 254"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := credentials.Username(tt.raw)
			if !errors.Is(err, credentials.ErrUsername) || got != "" {
				t.Fatalf("Username(%.40q): got %q, %v, want ErrUsername", tt.raw, got, err)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, tt.want)
			}
		})
	}
}

func FuzzUsername(f *testing.F) {
	for _, s := range []string{"ann", "Ann@Example.com", "ＡＮＮ", "e\u0301", "ς", "İ", "ᾈ", "\xff", "א1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := credentials.Username(raw)
		if err != nil {
			if !errors.Is(err, credentials.ErrUsername) || name != "" {
				t.Fatalf("got %q, %v, want ErrUsername alone", name, err)
			}
			return
		}
		if len(name) < 1 || len(name) > credentials.MaxUsernameBytes || !utf8.ValidString(name) || strings.ContainsAny(name, " \x00\n") {
			t.Errorf("Username(%q) = %q breaks the rules", raw, name)
		}
		if again, err := credentials.Username(name); err != nil || again != name {
			t.Errorf("mapping %q again: got %q, %v, want no change", name, again, err)
		}
	})
}
