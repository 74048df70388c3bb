package admin_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/credentials"
)

// keycloakUser is a user as `kc.sh export` writes one.
func keycloakUser(name, algorithm, value string) string {
	return fmt.Sprintf(`{"id":"0b6f","username":%[1]q,"firstName":"Ann","lastName":"Lee","email":"%[1]s@example.com","emailVerified":true,
		"createdTimestamp":1700000000000,"enabled":true,"totp":false,"credentials":[
		{"id":"1","type":"otp","secretData":"{\"value\":\"x\"}","credentialData":"{\"subType\":\"totp\"}"},
		{"id":"2","type":"password","createdDate":1700000000000,"secretData":"{\"value\":\"%[3]s\",\"salt\":\"\",\"additionalParameters\":{}}",
		 "credentialData":"{\"hashIterations\":12,\"algorithm\":\"%[2]s\",\"additionalParameters\":{}}"}],
		"realmRoles":["default-roles-shop"],"notBefore":0,"groups":[]}`, name, algorithm, value)
}

var imported = cmpopts.IgnoreUnexported(admin.ImportedUser{})

func TestParseKeycloak(t *testing.T) {
	t.Parallel()
	ann := admin.ImportedUser{Username: "ann", Email: "ann@example.com", FullName: "Ann Lee", HashedPassword: secretAt12}
	good := keycloakUser("Ann", "bcrypt", secretAt12)
	ann.Email = "Ann@example.com"
	for name, file := range map[string]string{
		"a realm":            `{"id":"shop","realm":"shop","accessTokenLifespan":300,"roles":{"realm":[]},"users":[` + good + `],"clients":[{"users":[]}]}`,
		"users alone":        `{"realm":"shop","users":[` + good + `]}`,
		"an array":           "[" + good + "]",
		"a service account":  `{"users":[` + good + `,{"username":"service-account-api","enabled":true,"serviceAccountClientId":"api"}]}`,
		"a byte order mark":  "\ufeff[" + good + "]",
		"two arrays of them": `{"users":[],"users":[` + good + `]}`,
	} {
		users, unusable, err := admin.ParseKeycloak(strings.NewReader(file))
		if err != nil || len(unusable) > 0 {
			t.Errorf("%s: got %v, %v", name, unusable, err)
		}
		if diff := cmp.Diff([]admin.ImportedUser{ann}, users, imported); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	users, unusable, err := admin.ParseKeycloak(strings.NewReader(`{"users":[` + keycloakUser("bob", "pbkdf2-sha256", "x") + `,` + good + `,{"username":"cat","enabled":true}]}`))
	if err != nil || len(users) != 1 || len(unusable) != 2 {
		t.Fatalf("got %d users, %v, %v, want one and two unusable", len(users), unusable, err)
	}
	for i, want := range []string{`user "bob": the hash is "pbkdf2-sha256"`, `user "cat": there is no password`} {
		if !errors.Is(unusable[i], admin.ErrUnusable) || !strings.Contains(unusable[i].Error(), want) {
			t.Errorf("got %q, want %q", unusable[i], want)
		}
	}
}

func TestParseAuth0(t *testing.T) {
	t.Parallel()
	want := []admin.ImportedUser{
		{Username: "ann@example.com", Email: "ann@example.com", HashedPassword: secretAt12},
		{Username: "bob", Email: "bob@example.com", FullName: "Bob Ray", Disabled: true, HashedPassword: secretAt12},
		{Username: "cat", HashedPassword: secretAt12},
	}
	lines := `{"_id":{"$oid":"60425dc43519d90068f82973"},"email_verified":false,"email":"ann@example.com","name":"ann@example.com","passwordHash":"` + secretAt12 + `","tenant":"shop","connection":"Users"}
{"user_id":"auth0|1","email":"bob@example.com","username":"bob","name":"Bob Ray","blocked":true,"password_hash":"` + secretAt12 + `"}
{"username":"cat","custom_password_hash":{"algorithm":"bcrypt","hash":{"value":"` + secretAt12 + `"}}}
`
	for name, file := range map[string]string{"lines": lines, "an array": "[" + strings.ReplaceAll(strings.TrimSpace(lines), "\n", ",") + "]"} {
		users, unusable, err := admin.ParseAuth0(strings.NewReader(file))
		if err != nil || len(unusable) > 0 {
			t.Errorf("%s: got %v, %v", name, unusable, err)
		}
		if diff := cmp.Diff(want, users, imported); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, unusable, err := admin.ParseAuth0(strings.NewReader(`{"email":"dan@example.com","custom_password_hash":{"algorithm":"argon2"}} {"email":"eve@example.com"}`))
	if err != nil || len(unusable) != 2 || !strings.Contains(unusable[0].Error(), "argon2") || !strings.Contains(unusable[1].Error(), "eve@example.com") {
		t.Errorf("got %v, %v, want two unusable", unusable, err)
	}
}

func TestForeignFilesRefuse(t *testing.T) {
	t.Parallel()
	parse := map[string]func(io.Reader) ([]admin.ImportedUser, []error, error){"keycloak": admin.ParseKeycloak, "auth0": admin.ParseAuth0}
	for _, tt := range []struct{ format, file, want string }{
		{"keycloak", "", "no users: the input is empty"},
		{"keycloak", `{"realm":"shop"}`, `there is no member "users"`},
		{"keycloak", `{"users":{}}`, "users is not an array"},
		{"keycloak", `{"users":[1]}`, "a user must be a JSON object"},
		{"keycloak", `{"users":[{"username":1}]}`, "username must not be a number"},
		{"keycloak", `{"users":[{"username":"ann","credentials":[{"type":"password","secretData":"x"}]}]}`, "credentialData or secretData is not JSON"},
		{"keycloak", `{"users":[` + keycloakUser("ann", "bcrypt", "$2b$12$short") + `]}`, `user "ann"`},
		{"keycloak", `{"users":[` + keycloakUser("ann", "bcrypt", secretAt12) + `,` + keycloakUser("ANN", "bcrypt", secretAt12) + `]}`, "same user"},
		{"keycloak", `{"users":[`, "ends too early"},
		{"keycloak", `{"users":[] x`, "not JSON"},
		{"auth0", "\n", "no users: the input is empty"},
		{"auth0", "email,passwordHash\n", "not JSON"},
		{"auth0", `{"passwordHash":"` + secretAt12 + `"}`, "username is missing"},
		{"auth0", `{"email":"a@example.com"`, "ends too early"},
		{"auth0", `"ann"`, "a user must be a JSON object"},
	} {
		users, _, err := parse[tt.format](strings.NewReader(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %.60s: got %v, want %q in one line (%d users)", tt.format, tt.file, err, tt.want, len(users))
		}
	}
}

func FuzzParseForeign(f *testing.F) {
	for _, s := range []string{
		`{"users":[` + keycloakUser("ann", "bcrypt", secretAt12) + `]}`, `[` + keycloakUser("ann", "argon2", "x") + `]`,
		`{"email":"a@example.com","passwordHash":"` + secretAt12 + `"}`, `{"users":[`, `{"users":`, "[]]", "\ufeff{",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for name, parse := range map[string]func(io.Reader) ([]admin.ImportedUser, []error, error){"keycloak": admin.ParseKeycloak, "auth0": admin.ParseAuth0} {
			users, unusable, err := parse(strings.NewReader(string(in)))
			for _, err := range append(unusable, err) {
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: got %q, want one line", name, err)
				}
			}
			for _, u := range users {
				if _, err := credentials.ParseHash(u.HashedPassword); err != nil {
					t.Errorf("%s: got hash %q, want a good one", name, u.HashedPassword)
				}
			}
		}
	})
}
