package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrUnusable says that an exported user has no bcrypt hash, so that no password
// would work.
var ErrUnusable = errors.New("no usable password hash")

// ParseKeycloak reads users from an export of Keycloak: that of a realm, or of its
// users alone. The hashes must be bcrypt, which takes an extension there. Service
// accounts are passed over. Users without such a hash come back as unusable, each an
// error that wraps [ErrUnusable] and names the user; other errors are those of
// [ParseUsers].
func ParseKeycloak(r io.Reader) (users []ImportedUser, unusable []error, err error) {
	f, form, err := openUserFile(r)
	if err != nil {
		return nil, nil, err
	}
	foreign := foreignFile{f, nil, convertKeycloak}
	if form == formArray {
		err = f.elements(foreign.record)
	} else {
		err = foreign.member("users")
	}
	return f.users, foreign.unusable, err
}

// ParseAuth0 reads users from an export of Auth0 with password hashes: JSON lines, or
// an array. A user goes by the username there, or else by the e-mail address. For the
// rest it is as [ParseKeycloak].
func ParseAuth0(r io.Reader) (users []ImportedUser, unusable []error, err error) {
	f, form, err := openUserFile(r)
	if err != nil {
		return nil, nil, err
	}
	foreign := foreignFile{f, nil, convertAuth0}
	if form == formArray {
		err = f.elements(foreign.record)
	} else {
		err = foreign.stream()
	}
	return f.users, foreign.unusable, err
}

// foreignFile reads users of another server's form.
type foreignFile struct {
	*userFile
	unusable []error
	convert  func(object []byte) (u ImportedUser, skip bool, err error)
}

// member reads the array that the object of the file has under a name.
func (f *foreignFile) member(name string) error {
	if _, err := f.dec.Token(); err != nil { // the brace
		return f.broken(err)
	}
	found := false
	for f.dec.More() {
		token, err := f.dec.Token()
		if err != nil {
			return f.broken(err)
		}
		if token != name {
			var other json.RawMessage
			if err := f.dec.Decode(&other); err != nil {
				return f.broken(err)
			}
			continue
		}
		found = true
		if open, err := f.dec.Token(); err != nil || open != json.Delim('[') {
			return refuse(ErrRefused, "line %d: %s is not an array", f.line(), name)
		}
		for index := 0; f.dec.More(); index++ {
			if err := f.record(index); err != nil {
				return err
			}
		}
		if _, err := f.dec.Token(); err != nil {
			return f.broken(err)
		}
	}
	if !found {
		return refuse(ErrRefused, "there is no member %q: is it an export with users?", name)
	}
	if _, err := f.dec.Token(); err != nil {
		return f.broken(err)
	}
	return nil
}

func (f *foreignFile) stream() error {
	for f.dec.More() {
		if err := f.record(noIndex); err != nil {
			return err
		}
	}
	return nil
}

// record takes in the next user.
func (f *foreignFile) record(index int) error {
	var raw json.RawMessage
	if err := f.dec.Decode(&raw); err != nil {
		return f.broken(err)
	}
	from := origin{f.lines.at(f.dec.InputOffset() - int64(len(raw))), index}
	if !bytes.HasPrefix(raw, []byte("{")) {
		return offender(from, "", refuse(ErrRefused, "a user must be a JSON object"))
	}
	u, skip, err := f.convert(raw)
	if skip {
		return nil
	}
	u.from = from
	name := u.Username
	if err == nil {
		err = f.add(u)
	}
	if err == nil {
		return nil
	}
	err = offender(from, name, err)
	if errors.Is(err, ErrUnusable) {
		f.unusable = append(f.unusable, err)
		return nil
	}
	return err
}

// convertKeycloak reads a UserRepresentation.
func convertKeycloak(object []byte) (u ImportedUser, skip bool, err error) {
	var k struct {
		Username       string `json:"username"`
		Email          string `json:"email"`
		FirstName      string `json:"firstName"`
		LastName       string `json:"lastName"`
		Enabled        bool   `json:"enabled"`
		ServiceAccount string `json:"serviceAccountClientId"`
		Credentials    []struct {
			Type           string `json:"type"`
			SecretData     string `json:"secretData"`     // JSON inside JSON
			CredentialData string `json:"credentialData"` // likewise
		} `json:"credentials"`
	}
	if err := json.Unmarshal(object, &k); err != nil {
		return u, false, misshapen(err)
	}
	if k.ServiceAccount != "" {
		return u, true, nil
	}
	u = ImportedUser{Username: k.Username, Email: k.Email, FullName: strings.TrimSpace(k.FirstName + " " + k.LastName), Disabled: !k.Enabled}
	for _, c := range k.Credentials {
		if c.Type != "password" {
			continue // a second factor
		}
		var how struct {
			Algorithm string `json:"algorithm"`
		}
		var secret struct {
			Value string `json:"value"`
		}
		if err := errors.Join(json.Unmarshal([]byte(c.CredentialData), &how), json.Unmarshal([]byte(c.SecretData), &secret)); err != nil {
			return u, false, misshapen(err)
		}
		if how.Algorithm != "bcrypt" {
			return u, false, unusable("the hash is %.20q", how.Algorithm)
		}
		u.HashedPassword = secret.Value
		return u, false, nil
	}
	return u, false, unusable("there is no password")
}

// convertAuth0 reads a line of a bulk export.
func convertAuth0(object []byte) (u ImportedUser, skip bool, err error) {
	var a struct {
		Username     string `json:"username"`
		Email        string `json:"email"`
		Name         string `json:"name"`
		Blocked      bool   `json:"blocked"`
		PasswordHash string `json:"passwordHash"`  // as their support exports it
		ImportHash   string `json:"password_hash"` // as their import takes it
		Custom       *struct {
			Algorithm string `json:"algorithm"`
			Hash      struct {
				Value string `json:"value"`
			} `json:"hash"`
		} `json:"custom_password_hash"`
	}
	if err := json.Unmarshal(object, &a); err != nil {
		return u, false, misshapen(err)
	}
	u = ImportedUser{
		Username: cmp.Or(a.Username, a.Email), Email: a.Email, FullName: a.Name, Disabled: a.Blocked,
		HashedPassword: cmp.Or(a.PasswordHash, a.ImportHash),
	}
	if u.FullName == a.Email {
		u.FullName = "" // what they call somebody whose name they don't know
	}
	switch {
	case u.HashedPassword != "":
	case a.Custom == nil:
		return u, false, unusable("there is no password")
	case a.Custom.Algorithm != "bcrypt":
		return u, false, unusable("the hash is %.20q", a.Custom.Algorithm)
	default:
		u.HashedPassword = a.Custom.Hash.Value
	}
	return u, false, nil
}

func unusable(format string, args ...any) error {
	return refuse(ErrUnusable, "%s, and only bcrypt can be taken over", fmt.Sprintf(format, args...))
}

// misshapen tells that a member has another type than expected, in one line.
func misshapen(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return refuse(ErrRefused, "%s must not be a %s", wrong.Field, wrong.Value)
	}
	return refuse(ErrRefused, "credentialData or secretData is not JSON")
}
