package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/keys"
)

// master reads a master key file of the lines.
func master(tb testing.TB, lines ...string) *keys.Master {
	tb.Helper()
	m, err := keys.ReadMaster(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestNewMasterLine(t *testing.T) {
	t.Parallel()
	a, b := keys.NewMasterLine(), keys.NewMasterLine()
	if a == b {
		t.Error("got the same line twice")
	}
	if want := regexp.MustCompile(`^usher-master-key-1\.[A-Za-z0-9_-]{43}$`); !want.MatchString(a) {
		t.Errorf("got %q, want it to match %s", a, want)
	}
}

func TestReadMaster(t *testing.T) {
	t.Parallel()
	current, older := keys.NewMasterLine(), keys.NewMasterLine()
	m := master(t, "# made for a test", "", "  "+current+"\t\r", "# before 2026:", older)
	if got, want := m.ID(), master(t, current).ID(); got != want {
		t.Errorf("ID: got %s, want that of the first line, %s", got, want)
	}
	if want := regexp.MustCompile(`^[0-9a-f]{8}$`); !want.MatchString(m.ID()) {
		t.Errorf("ID: got %q, want it to match %s", m.ID(), want)
	}
	if got := len(m.Derive("p")); got != 2 {
		t.Errorf("got %d keys, want 2", got)
	}
}

func TestReadMasterRefuses(t *testing.T) {
	t.Parallel()
	line := keys.NewMasterLine()
	for _, tt := range []struct{ name, file, want string }{
		{"nothing", "", "no key"},
		{"comments alone", "# nothing\n\n", "no key"},
		{"another prefix", "usher-master-key-2" + line[18:], "line 1"},
		{"no prefix", "# key\n" + line[19:], "line 2"},
		{"short", line[:len(line)-2], "line 1"},
		{"long", line + "AA", "line 1"},
		{"padded", line + "=", "line 1"},
		{"two on a line", line + " " + line, "line 1"},
		{"twice", line + "\n" + line, "line 2"},
		{"a long line", strings.Repeat("#", 1<<20), "reading master key"},
		{"a long file", strings.Repeat("# comment\n", 10<<10), "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := keys.ReadMaster(strings.NewReader(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error about %q", err, tt.want)
			}
			if strings.Contains(err.Error(), line[20:40]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	broken := errors.New("disk on fire")
	if _, err := keys.ReadMaster(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	current, older := keys.NewMasterLine(), keys.NewMasterLine()
	m := master(t, current, older)
	refresh := m.Derive("refresh")
	if len(refresh[0]) != 32 || len(refresh[1]) != 32 {
		t.Errorf("got keys of %d and %d bytes, want 32", len(refresh[0]), len(refresh[1]))
	}
	if diff := cmp.Diff(refresh, m.Derive("refresh")); diff != "" {
		t.Errorf("derived again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(refresh[:1], master(t, current).Derive("refresh")); diff != "" {
		t.Errorf("current key alone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(refresh[1:], master(t, older).Derive("refresh")); diff != "" {
		t.Errorf("older key alone (-want +got):\n%s", diff)
	}
	for _, purpose := range []string{"", "refresh ", "Refresh", "id", "seal"} {
		if bytes.Equal(refresh[0], m.Derive(purpose)[0]) {
			t.Errorf("purpose %q has the key of another", purpose)
		}
	}
}

// Stored data must stay readable: the derivation can't change unnoticed.
func TestDeriveKnownAnswer(t *testing.T) {
	t.Parallel()
	line := "usher-master-key-1." + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	m := master(t, line)
	if got, want := m.ID(), "750febf6"; got != want {
		t.Errorf("ID: got %s, want %s", got, want)
	}
	const want = "b0b5df71216b7787e3247821db8ee99708fb6b6465c439bb39659ea155fbf658"
	if got := fmt.Sprintf("%x", m.Derive("test")[0]); got != want {
		t.Errorf("derived key: got %s, want %s", got, want)
	}
	sealed, err := base64.RawURLEncoding.DecodeString("AXUP6_YI47jRnDsw9av6igG8bKVetYt8g_zm1PIiDa7IpcWqs8ldhCoP7alDLfbQj2p5jTu-")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Open("test", sealed, []byte("context")); err != nil || string(got) != "plaintext" {
		t.Errorf("opened: got %q, %v, want plaintext", got, err)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	first, second := keys.NewMasterLine(), keys.NewMasterLine()
	before := master(t, first)
	after := master(t, second, first)
	for _, plaintext := range []string{"", "x", strings.Repeat("long ", 1000)} {
		sealed, err := before.Seal("signing key", []byte(plaintext), []byte("id"))
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]*keys.Master{"same": before, "newer": after} {
			got, err := m.Open("signing key", sealed, []byte("id"))
			if err != nil || string(got) != plaintext {
				t.Errorf("%s master key: got %.20q, %v, want %.20q", name, got, err, plaintext)
			}
		}
		again, err := before.Seal("signing key", []byte(plaintext), []byte("id"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(sealed, again) {
			t.Error("got the same blob twice")
		}
	}
}

func TestOpenNamesTheMasterItNeeds(t *testing.T) {
	t.Parallel()
	needed, other, another := master(t, keys.NewMasterLine()), keys.NewMasterLine(), keys.NewMasterLine()
	sealed, err := needed.Seal("p", []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = master(t, other, another).Open("p", sealed, nil)
	if !errors.Is(err, keys.ErrOtherMaster) {
		t.Fatalf("got %v, want ErrOtherMaster", err)
	}
	for _, id := range []string{needed.ID(), master(t, other).ID(), master(t, another).ID()} {
		if !strings.Contains(err.Error(), id) {
			t.Errorf("got %q, want it to name %s", err, id)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	m := master(t, keys.NewMasterLine())
	sealed, err := m.Seal("purpose", []byte("plaintext"), []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, purpose, context string
		sealed                 []byte
	}{
		{"another purpose", "purposes", "context", sealed},
		{"no purpose", "", "context", sealed},
		{"another context", "purpose", "other", sealed},
		{"no context", "purpose", "", sealed},
		{"nothing", "purpose", "context", nil},
		{"another version", "purpose", "context", append([]byte{2}, sealed[1:]...)},
		{"a byte more", "purpose", "context", append(bytes.Clone(sealed), 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := m.Open(tt.purpose, tt.sealed, []byte(tt.context)); !errors.Is(err, keys.ErrDamaged) {
				t.Errorf("got %q, %v, want ErrDamaged", got, err)
			}
		})
	}
	for i := range sealed {
		if _, err := m.Open("purpose", sealed[:i], []byte("context")); !errors.Is(err, keys.ErrDamaged) {
			t.Errorf("cut to %d bytes: got %v, want ErrDamaged", i, err)
		}
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if _, err := m.Open("purpose", altered, []byte("context")); !errors.Is(err, keys.ErrDamaged) && !errors.Is(err, keys.ErrOtherMaster) {
			t.Errorf("byte %d altered: got %v, want ErrDamaged or ErrOtherMaster", i, err)
		}
	}
}

func TestMasterNeverPrintsItself(t *testing.T) {
	t.Parallel()
	secret := bytes.Repeat([]byte("s3cr3t!!"), 4)
	m := master(t, "usher-master-key-1."+base64.RawURLEncoding.EncodeToString(secret))
	for how, printed := range prints(t, m) {
		for _, form := range []string{
			string(secret[:8]), fmt.Sprintf("%x", secret[:8]), strings.Trim(fmt.Sprint(secret[:8]), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret[:8]), "[]byte{"), "}"),
			base64.RawURLEncoding.EncodeToString(secret)[:16], base64.StdEncoding.EncodeToString(secret)[:16],
		} {
			if strings.Contains(printed, form) {
				t.Errorf("%s: got %q, which has %q", how, printed, form)
			}
		}
		if !strings.Contains(how, "hidden") && !strings.Contains(printed, "REDACTED") {
			t.Errorf("%s: got %q, want REDACTED", how, printed)
		}
	}
}

// prints yields every way in which a master key might get onto a screen.
func prints(t *testing.T, m *keys.Master) iter.Seq2[string, string] {
	type config struct{ Master *keys.Master }
	type hidden struct {
		pointer *keys.Master
		value   keys.Master
	}
	return func(yield func(string, string) bool) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			yield(verb, fmt.Sprintf(verb, m))
			yield(verb+" of the value", fmt.Sprintf(verb, *m))
			yield(verb+" in a struct", fmt.Sprintf(verb, config{m}))
			yield(verb+" in a hidden field", fmt.Sprintf(verb, hidden{m, *m}))
		}
		yield("String", m.String())
		yield("GoString", m.GoString())
		for _, v := range []any{m, *m, config{m}, map[string]any{"m": m}} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Error(err)
			}
			yield(fmt.Sprintf("json of %T", v), string(b))
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("m", "m", v)
			yield(fmt.Sprintf("slog text of %T", v), log.String())
			log.Reset()
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "m", v)
			yield(fmt.Sprintf("slog JSON of %T", v), log.String())
		}
	}
}
