package admin_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

func TestParseUsersCSV(t *testing.T) {
	t.Parallel()
	want := []admin.ImportedUser{
		{Username: "ann", Email: "ann@example.com", FullName: `Lee, Ann "Annie"`, Scopes: []string{"profile", "orders:read"}, HashedPassword: secretAt12},
		{Username: "bob", Disabled: true, Password: "sword-fish"},
	}
	const columns = "\ufeffusername,full_name,email,disabled,scopes,hashed_password,password"
	rows := []string{columns, `Ann,"Lee, Ann ""Annie""",ann@example.com,false,profile orders:read,` + secretAt12 + ",", "bob,,,true,,,sword-fish", ""}
	for _, end := range []string{"\n", "\r\n"} {
		users, err := admin.ParseUsersCSV(strings.NewReader(strings.Join(rows, end)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, users, imported); diff != "" {
			t.Errorf("with %q (-want +got):\n%s", end, diff)
		}
	}
}

func TestParseUsersCSVRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, want string }{
		{"", "no users: the input is empty"},
		{"email,password\n", "line 1: there is no column username"},
		{"username;password\n", `line 1: unknown column "username;password"`},
		{"Username,password\n", `line 1: unknown column "Username"`},
		{"username,username\n", `line 1: column "username" is there twice`},
		{"username,password\nann\n", "line 2: it has more or fewer fields"},
		{"username,password\nann,\"x\n", "not CSV"},
		{"username,password\nann,a\"b\n", "line 2: not CSV"},
		{"username,password\n\nann,sword-fish\nANN,sword-fish\n", `line 4, user "ANN": same user as "ann" at line 3`},
		{"username,password\nann,short\n", `line 2, user "ann"`},
		{"username,password\n,sword-fish\n", "line 2: username is missing"},
		{"disabled,username,password\nyes,ann,sword-fish\n", `line 2, user "ann": disabled must be true or false`},
		{"username,scopes\nann,\"a\"\"b\"\n", `line 2, user "ann": scopes`},
		{"username,email\nann,ann@example.com\n", `line 2, user "ann": neither password nor hashed_password`},
	} {
		_, err := admin.ParseUsersCSV(strings.NewReader(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want %q in one line", tt.file, err, tt.want)
		}
	}
}

// What is exported can be imported, and is the same then.
func TestExportedUsersComeBack(t *testing.T) {
	t.Parallel()
	users := []storage.User{
		{Username: "ann", Email: "ann@example.com", FullName: "Lee, \"Ann\" <x>", Scopes: []string{"profile", "orders:read"}, PasswordHash: secretAt12, PasswordCost: 12},
		{Username: "böb", Disabled: true, Scopes: []string{"profile"}, PasswordHash: secretAt12, PasswordCost: 12},
	}
	want := []admin.ImportedUser{
		{Username: "ann", Email: "ann@example.com", FullName: "Lee, \"Ann\" <x>", Scopes: []string{"profile", "orders:read"}, HashedPassword: secretAt12},
		{Username: "böb", Disabled: true, Scopes: []string{"profile"}, HashedPassword: secretAt12},
	}
	var lines, table bytes.Buffer
	if err := admin.WriteUsers(&lines, users, true); err != nil {
		t.Fatal(err)
	}
	if err := admin.WriteUsersCSV(&table, users, true); err != nil {
		t.Fatal(err)
	}
	fromLines, err := admin.ParseUsers(&lines)
	if err != nil {
		t.Fatal(err)
	}
	fromTable, err := admin.ParseUsersCSV(&table)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]admin.ImportedUser{"JSON": fromLines, "CSV": fromTable} {
		if diff := cmp.Diff(want, got, imported); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, write := range map[string]func() error{
		"JSON": func() error { return admin.WriteUsers(&lines, users, false) },
		"CSV":  func() error { return admin.WriteUsersCSV(&table, users, false) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if text := lines.String() + table.String(); strings.Contains(text, "$2b$") {
			t.Errorf("%s without hashes has one:\n%s", name, text)
		}
	}
}

func FuzzParseUsersCSV(f *testing.F) {
	for _, s := range []string{
		"username,password\nann,sword-fish\n", "username,hashed_password,disabled,scopes\r\nann," + secretAt12 + ",true,a b\r\n",
		"\ufeffusername\n", "username,password\n\"ann\",\"a\"\"b\"\n", "\"", "username\n\"a\nb\"\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		users, err := admin.ParseUsersCSV(bytes.NewReader(in))
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want one line", err)
		}
		for _, u := range users {
			if name, err := credentials.Username(u.Username); err != nil || name != u.Username {
				t.Errorf("got name %q, want a canonical one", u.Username)
			}
			if (u.Password == "") == (u.HashedPassword == "") {
				t.Errorf("got passwords %q and %q, want one", u.Password, u.HashedPassword)
			}
		}
	})
}
