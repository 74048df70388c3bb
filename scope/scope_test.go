package scope_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/scope"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"blank", "   ", nil},
		{"one", "profile", []string{"profile"}},
		{"order is kept", "b a c", []string{"b", "a", "c"}},
		{"repeats are dropped", "b a b a", []string{"b", "a"}},
		{"case matters", "Profile profile", []string{"Profile", "profile"}},
		{"surplus spaces", "  a   b ", []string{"a", "b"}},
		{"punctuation", "orders:read https://api.example.com/x a,b !#[]^~", []string{"orders:read", "https://api.example.com/x", "a,b", "!#[]^~"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := scope.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

// Every byte is tried: RFC 6749, appendix A.4, allows %x21 / %x23-5B / %x5D-7E.
func TestParseCharacters(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		c := byte(b)
		if c == ' ' {
			continue // the separator
		}
		allowed := c > ' ' && c < 0x7F && c != '"' && c != '\\'
		_, err := scope.Parse("a" + string([]byte{c}) + "b")
		if allowed && err != nil {
			t.Errorf("byte %#02x: got %v, want no error", c, err)
		}
		if !allowed && !errors.Is(err, scope.ErrMalformed) {
			t.Errorf("byte %#02x: got %v, want ErrMalformed", c, err)
		}
	}
}

func TestParseList(t *testing.T) {
	t.Parallel()
	want := []string{"a", "b", "c"}
	for _, in := range []string{"a b c", "a,b,c", "a, b,  c", ",a,,b c,"} {
		got, err := scope.ParseList(in)
		if err != nil {
			t.Errorf("ParseList(%q): %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseList(%q) (-want +got):\n%s", in, diff)
		}
	}
	if _, err := scope.ParseList("a;\tb"); !errors.Is(err, scope.ErrMalformed) {
		t.Errorf("ParseList with a tab: got %v, want ErrMalformed", err)
	}
}

func TestIntersect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ a, b, want []string }{
		{nil, nil, nil},
		{[]string{"a"}, nil, nil},
		{nil, []string{"a"}, nil},
		{[]string{"a", "b"}, []string{"c"}, nil},
		{[]string{"c", "a", "b"}, []string{"a", "b", "c"}, []string{"c", "a", "b"}},
		{[]string{"c", "a", "b"}, []string{"b", "c"}, []string{"c", "b"}},
	} {
		if diff := cmp.Diff(tt.want, scope.Intersect(tt.a, tt.b)); diff != "" {
			t.Errorf("Intersect(%q, %q) (-want +got):\n%s", tt.a, tt.b, diff)
		}
	}
}

func TestIntersectLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	a, b := []string{"x", "a", "b"}, []string{"b", "a"}
	got := scope.Intersect(a, b)
	got[0] = "changed"
	if diff := cmp.Diff([]string{"x", "a", "b"}, a); diff != "" {
		t.Errorf("first argument (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b", "a"}, b); diff != "" {
		t.Errorf("second argument (-want +got):\n%s", diff)
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	all := []string{"profile", "orders:read"}
	for s, want := range map[string]bool{"profile": true, "orders:read": true, "orders": false, "Profile": false, "": false} {
		if got := scope.Contains(all, s); got != want {
			t.Errorf("Contains(%q, %q): got %t, want %t", all, s, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("profile orders:read")
	f.Add("  a\ta ")
	f.Add("\x00\"\\\xff")
	f.Fuzz(func(t *testing.T, s string) {
		scopes, err := scope.Parse(s)
		if err != nil {
			return
		}
		again, err := scope.Parse(strings.Join(scopes, " "))
		if diff := cmp.Diff(scopes, again); err != nil || diff != "" {
			t.Errorf("Parse(%q) does not survive a round trip: %v\n%s", s, err, diff)
		}
	})
}

func ExampleIntersect() {
	requested, err := scope.Parse("profile orders:read admin")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(scope.Intersect(requested, []string{"orders:read", "profile"}))
	// Output: [profile orders:read]
}

// Ten times as many scopes must not take a hundred times as long.
func TestParseTakesAnyNumberOfScopes(t *testing.T) {
	t.Parallel()
	const n = 200_000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%x ", i)
	}
	start := time.Now()
	scopes, err := scope.Parse(b.String())
	if err != nil || len(scopes) != n {
		t.Fatalf("got %d scopes and %v, want %d", len(scopes), err, n)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v, want a moment", took)
	}
}
