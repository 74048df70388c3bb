package credentials_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/credentials"
)

func TestWhatIsGuessedFirstIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		password string
		names    []string
		ok       bool
	}{
		{"password", nil, false},
		{"PassWord", nil, false},
		{"1q2w3e4r", nil, false},
		{"trustno1", nil, false},
		{"password of mine", nil, true},
		{"123456789012345678901", nil, true}, // long enough to be nobody's first guess
		{"annabella", []string{"annabella", ""}, false},
		{"AnnaBella", []string{"annabella", ""}, false},
		{"annabella1", []string{"annabella", ""}, true},
		{"annabella", []string{"ann", "Annabella@example.com"}, false},
		{"annabella@example.com", []string{"ann", "annabella@example.com"}, false},
		{"annabella", []string{"annabella@example.com", ""}, false},
		{"example.com", []string{"ann", "annabella@example.com"}, true},
		{"ÅNGSTRÖM1", []string{"ångström1", ""}, false},
		{"@example", []string{"@example", ""}, false},
		{"nobody's name", []string{"", ""}, true},
	} {
		err := credentials.CheckPassword(tt.password, tt.names...)
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, credentials.ErrPassword) {
			t.Errorf("%q of %q: got %v, want allowed %t", tt.password, tt.names, err, tt.ok)
		}
		if err != nil && !strings.HasSuffix(err.Error(), ": choose another") {
			t.Errorf("%q: got %q, want it to say what to do", tt.password, err)
		}
	}
}

// Anything else in the list would refuse nothing.
func TestTheCommonPasswordsAreAsTheyAreLookedFor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if got := len(slices.Compact(slices.Clone(list))); got != 3000 || !slices.IsSorted(list) {
		t.Errorf("got %d passwords, sorted %t, want 3000 different ones, sorted", got, slices.IsSorted(list))
	}
	for _, word := range list {
		if word != strings.ToLower(word) || len(word) < credentials.MinPasswordChars {
			t.Errorf("got %q, want it in lower case and long enough to be accepted otherwise", word)
		}
		if credentials.CheckPassword(strings.ToUpper(word)) == nil {
			t.Errorf("%q is accepted", word)
		}
	}
}
