package admin_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/scope"
)

// secretAt12 is the hash of "secret" in a widely copied tutorial.
const secretAt12 = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"

var ignoreOrigin = cmpopts.IgnoreUnexported(admin.ImportedUser{})

func TestParseUsers(t *testing.T) {
	t.Parallel()
	ann := admin.ImportedUser{Username: "ann", Password: "sword-fish"}
	bob := admin.ImportedUser{Username: "bob", HashedPassword: secretAt12}
	full := admin.ImportedUser{
		Username: "cid", Email: "cid@example.com", FullName: "Cid", Disabled: true,
		Scopes: []string{"profile", "orders:read"}, HashedPassword: secretAt12,
	}
	const (
		annJSON  = `{"username":"Ann","password":"sword-fish"}`
		bobJSON  = `{"username":"bob","hashed_password":"` + secretAt12 + `"}`
		fullJSON = `{"username":"cid","email":"cid@example.com","full_name":"Cid","disabled":true,"scopes":["profile","orders:read"],"hashed_password":"` + secretAt12 + `"}`
	)
	for _, tt := range []struct {
		name, in string
		want     []admin.ImportedUser
	}{
		{"array", "[" + annJSON + ",\n" + bobJSON + "]\n", []admin.ImportedUser{ann, bob}},
		{"empty array", "[]", nil},
		{"one line", annJSON, []admin.ImportedUser{ann}},
		{"lines", annJSON + "\n" + bobJSON + "\n", []admin.ImportedUser{ann, bob}},
		{"lines with blank ones and CRLF", "\r\n\n" + annJSON + "\r\n\r\n" + bobJSON + "\r\n \r\n", []admin.ImportedUser{ann, bob}},
		{"an object over several lines", "{\n \"username\": \"ann\",\n \"password\": \"sword-fish\"\n}\n" + bobJSON, []admin.ImportedUser{ann, bob}},
		{"keyed", `{"ann": {"password": "sword-fish"}, "Bob": ` + bobJSON + `}`, []admin.ImportedUser{ann, bob}},
		{"every member", fullJSON, []admin.ImportedUser{full}},
		{"every member, by key", `{"cid":` + fullJSON + `}`, []admin.ImportedUser{full}},
		{"scopes in one string", strings.Replace(fullJSON, `["profile","orders:read"]`, `" profile  orders:read profile"`, 1), []admin.ImportedUser{full}},
		{
			"no scopes is not the default", `{"username":"ann","password":"sword-fish","scopes":""} {"username":"bob","password":"sword-fish","scopes":[]}`,
			[]admin.ImportedUser{{Username: "ann", Password: "sword-fish", Scopes: []string{}}, {Username: "bob", Password: "sword-fish", Scopes: []string{}}},
		},
		{
			"null is absent", `{"username":"ann","email":null,"full_name":null,"disabled":null,"scopes":null,"password":"sword-fish","hashed_password":null}`,
			[]admin.ImportedUser{ann},
		},
		{"key and null", `{"ann": {"username": null, "password": "sword-fish"}}`, []admin.ImportedUser{ann}},
		{"empty password is absent", `{"username":"bob","password":"","hashed_password":"` + secretAt12 + `"}`, []admin.ImportedUser{bob}},
		{"byte order mark", "\ufeff[" + annJSON + "]", []admin.ImportedUser{ann}},
		{"escapes", `{"user\u006eame":"\u0061nn","password":"sword-fish"}`, []admin.ImportedUser{ann}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := admin.ParseUsers(iotest.OneByteReader(strings.NewReader(tt.in)))
			if diff := cmp.Diff(tt.want, got, ignoreOrigin); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseUsersReadsTutorialDatabase(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("testdata", "fake_users_db.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := admin.ParseUsers(f)
	want := []admin.ImportedUser{{Username: "johndoe", Email: "johndoe@example.com", FullName: "John Doe", HashedPassword: secretAt12}}
	if diff := cmp.Diff(want, got, ignoreOrigin); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestParseUsersNamesOffender(t *testing.T) {
	t.Parallel()
	const good = `{"username":"ann","password":"sword-fish"}`
	for _, tt := range []struct {
		name, in string
		is       error
		want     string
	}{
		{"nothing", "", admin.ErrRefused, "no users: the input is empty"},
		{"blank", " \n\n", admin.ErrRefused, "no users: the input is empty"},
		{"no JSON", "username,password\nann,sword-fish\n", admin.ErrRefused, "line 1: not JSON: "},
		{"no JSON later", good + "\n\nbob\n", admin.ErrRefused, "line 3: not JSON: "},
		{"no JSON in an array", "[" + good + ",\nbob]", admin.ErrRefused, "line 2: not JSON: "},
		{"cut array", "[" + good + ",", admin.ErrRefused, "line 1: the JSON ends too early"},
		{"cut after a user", "[" + good, admin.ErrRefused, "line 1: the JSON ends too early"},
		{"cut in a user", good + "\n" + good[:20], admin.ErrRefused, "line 2: the JSON ends too early"},
		{"cut in a key", `{"ann": {"password":"sword-fish"}, "bo`, admin.ErrRefused, "the JSON ends too early"},
		{"wrong bracket", "[" + good + "}", admin.ErrRefused, "line 1: not JSON: "},
		{"key without a value", `{"ann": {"password":"sword-fish"}, "bob"}`, admin.ErrRefused, "line 1: not JSON: "},
		{"array and more", "[" + good + "]\n[]", admin.ErrRefused, "line 2: there is more after the end"},
		{"no object", "[\n 42]", admin.ErrRefused, "index 0 (line 2): a user must be a JSON object"},
		{"no object in lines", good + "\n[]", admin.ErrRefused, "line 2: a user must be a JSON object"},
		{"string", `"ann"`, admin.ErrRefused, "line 1: a user must be a JSON object"},
		{"empty object", "{}", admin.ErrRefused, "line 1: username is missing"},

		{"unknown member", `{"username":"ann","passwort":"sword-fish"}`, admin.ErrRefused, `line 1, user "ann": unknown member "passwort": use username, email,`},
		{"member in other case", `{"Username":"ann","password":"sword-fish"}`, admin.ErrRefused, `unknown member "Username"`},
		{"member before the name", `{"id":7,"username":"ann","password":"sword-fish"}`, admin.ErrRefused, `line 1, user "ann": unknown member "id"`},
		{"member twice", `{"username":"ann","password":"sword-fish","password":"marlin-42"}`, admin.ErrRefused, `user "ann": member "password" is there twice`},
		{"number as name", `{"username":7}`, admin.ErrRefused, "username must be a string"},
		{"string as truth", `{"username":"ann","disabled":"yes"}`, admin.ErrRefused, `user "ann": disabled must be true or false`},
		{"scopes of numbers", `{"username":"ann","scopes":[1]}`, admin.ErrRefused, "scopes must be an array of strings"},
		{"malformed scope", `{"username":"ann","password":"sword-fish","scopes":"a\\b"}`, scope.ErrMalformed, `line 1, user "ann": scopes: `},
		{"scope with a space", `{"username":"ann","password":"sword-fish","scopes":["a b"]}`, scope.ErrMalformed, `scope "a b": give one`},
		{"null scope", `{"username":"ann","password":"sword-fish","scopes":[null]}`, scope.ErrMalformed, `scope ""`},

		{"no name", `{"password":"sword-fish"}`, admin.ErrRefused, "line 1: username is missing"},
		{"bad name", `[` + good + `,{"username":"b b","password":"sword-fish"}]`, credentials.ErrUsername, `index 1 (line 1), user "b b": user name`},
		{"bad key", `{"b b":{"password":"sword-fish"}}`, credentials.ErrUsername, `index 0 (line 1), user "b b": user name`},
		{"bad key with a name", `{"b b":{"username":"bob","password":"sword-fish"}}`, credentials.ErrUsername, `user "b b": user name`},
		{"other name than the key", `{"ann":{"username":"bob","password":"sword-fish"}}`, admin.ErrRefused, `user "ann": its username is "bob"`},
		{"no password", `{"username":"ann"}`, admin.ErrRefused, `line 1, user "ann": neither password nor hashed_password`},
		{"both passwords", `{"username":"ann","password":"sword-fish","hashed_password":"` + secretAt12 + `"}`, admin.ErrRefused, "both password and hashed_password"},
		{"short password", good + "\n\n" + `{"username":"bob","password":"secret"}`, credentials.ErrPassword, `line 3, user "bob": password has 6 characters`},
		{"long password", `{"username":"bob","password":"` + strings.Repeat("x", 73) + `"}`, credentials.ErrPassword, "73 bytes"},
		{"other hash", `{"username":"ann","hashed_password":"$argon2id$v=19$"}`, credentials.ErrHash, `user "ann": hash is Argon2`},
		{"control character", `{"username":"ann","password":"sword-fish","email":"a\u001b"}`, admin.ErrRefused, "e-mail address has the control character U+001B"},
		{"bytes of no UTF-8", `{"username":"ann","password":"swordf` + "\xff" + `sh"}`, admin.ErrRefused, "line 1: not valid UTF-8"},
		{"key of no UTF-8", `{"ann` + "\xff" + `":{"password":"sword-fish"}}`, credentials.ErrUsername, "U+FFFD"},

		{"twice in lines", good + "\n" + `{"username":"ANN","password":"sword-fish"}`, admin.ErrRefused, `line 2, user "ANN": same user as "ann" at line 1`},
		{"twice in an array", "[" + good + ",\n" + good + "]", admin.ErrRefused, `index 1 (line 2), user "ann": same user as "ann" at index 0 (line 1)`},
		{"twice as keys", `{"ann":{"password":"sword-fish"},"Ann":{"password":"sword-fish"}}`, admin.ErrRefused, `user "Ann": same user as "ann" at index 0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := admin.ParseUsers(strings.NewReader(tt.in))
			if !errors.Is(err, tt.is) || got != nil {
				t.Errorf("got %v, %v, want %v", got, err, tt.is)
			}
			oneLine(t, err, tt.want)
		})
	}
}

func TestParseUsersTellsReadError(t *testing.T) {
	t.Parallel()
	const line = `{"username":"user%06d","password":"sword-fish"}` + "\n"
	var many strings.Builder
	for i := range 3000 { // more than is looked at to tell the form
		fmt.Fprintf(&many, line, i)
	}
	for _, in := range []string{"", many.String()} {
		broken := errors.New("disk on fire")
		_, err := admin.ParseUsers(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: got %v, want %v", len(in), err, broken)
		}
	}
}

// Whatever is accepted obeys the rules.
func FuzzParseUsers(f *testing.F) {
	for _, s := range []string{
		`[{"username":"ann","password":"sword-fish","scopes":["a"]}]`,
		`{"username":"ann","password":"sword-fish","scopes":"a b"}` + "\n" + `{"username":"Bob","hashed_password":"` + secretAt12 + `","disabled":true}`,
		`{"ann":{"full_name":"Ann","password":"sword-fish","email":null}}`,
		`{"ann":{"username":"bob"}}`, `[{]`, `{"`, "\ufeff[]", "[]]", `{"a":{`, "{}{}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		users, err := admin.ParseUsers(strings.NewReader(string(in)))
		if err != nil {
			if users != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, %q, want one line alone", users, err)
			}
			return
		}
		seen := make(map[string]bool)
		for _, u := range users {
			if name, err := credentials.Username(u.Username); err != nil || name != u.Username || seen[name] {
				t.Errorf("got name %q, want a canonical one, once", u.Username)
			}
			seen[u.Username] = true
			if (u.Password == "") == (u.HashedPassword == "") {
				t.Errorf("got passwords %q and %q, want one", u.Password, u.HashedPassword)
			}
			if u.Password != "" && credentials.CheckPassword(u.Password, u.Username, u.Email) != nil {
				t.Errorf("got password %q, want one that may be set", u.Password)
			}
			if _, err := credentials.ParseHash(u.HashedPassword); u.HashedPassword != "" && err != nil {
				t.Errorf("got hash %q, want a good one: %v", u.HashedPassword, err)
			}
			for _, s := range u.Scopes {
				if words, err := scope.Parse(s); err != nil || len(words) != 1 {
					t.Errorf("got scope %q, want one", s)
				}
			}
		}
	})
}

func BenchmarkParseUsers(b *testing.B) {
	var in strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&in, `{"username":"user%d","email":"user%d@example.com","full_name":"User %d","hashed_password":"%s"}`+"\n", i, i, i, secretAt12)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := admin.ParseUsers(strings.NewReader(in.String())); err != nil {
			b.Fatal(err)
		}
	}
}
