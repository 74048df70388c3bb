package accesstoken_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-oauth/usher/accesstoken"
)

const payload = `{"iss":"https://issuer.example","sub":"u1","aud":["orders"],"exp":1772367300,"iat":1772366400,"jti":"j","client_id":"app","scope":"a b","auth_time":1772366340}`

func TestParse(t *testing.T) {
	t.Parallel()
	want := accesstoken.Claims{
		Issuer: issuer, Subject: "u1", Audience: []string{"orders"}, Expiry: 1772367300, IssuedAt: 1772366400,
		ID: "j", ClientID: "app", Scope: "a b", AuthTime: 1772366340,
	}
	for name, payload := range map[string]string{
		"as it is":             payload,
		"aud a string":         strings.Replace(payload, `["orders"]`, `"orders"`, 1),
		"unknown claims":       strings.Replace(payload, `{`, `{"nbf":1,"cnf":{"jkt":"x"},"amr":["pwd"],"ISS":"other",`, 1),
		"white space":          " " + strings.ReplaceAll(payload, ",", "\n,\t") + "\r\n",
		"an escaped character": strings.Replace(payload, `"u1"`, `"\u00751"`, 1),
		"an escaped name":      strings.Replace(payload, `"sub"`, `"s\u0075b"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := accesstoken.Parse([]byte(payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

// What a Reader remembers is the same, and nobody's to change.
func TestReaderParsesAsParse(t *testing.T) {
	t.Parallel()
	var r accesstoken.Reader
	good, err := json.Marshal(user())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, payload := range []string{string(good), `{"iss":"` + issuer + `"}`, "", "null"} {
			want, wantErr := accesstoken.Parse([]byte(payload))
			got, err := r.Parse([]byte(payload))
			if diff := cmp.Diff(want, got); diff != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%q: got error %v, want %v, claims (-want +got):\n%s", payload, err, wantErr, diff)
			}
			if len(got.Audience) > 0 {
				got.Audience[0] = "https://mallory.example"
			}
		}
	}
}

func TestParseOptionalClaims(t *testing.T) {
	t.Parallel()
	without := strings.Replace(payload, `,"scope":"a b","auth_time":1772366340`, ``, 1)
	got, err := accesstoken.Parse([]byte(without))
	if err != nil {
		t.Fatal(err)
	}
	if got.Scope != "" || got.AuthTime != 0 {
		t.Errorf("got scope %q and auth_time %d, want none", got.Scope, got.AuthTime)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	var claims map[string]json.RawMessage
	if err := json.Unmarshal([]byte(payload), &claims); err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"nothing": "", "null": "null", "list": "[" + payload + "]", "text": `"x"`, "text after": payload + "x", "cut": payload[:len(payload)-1],
		"not UTF-8":    strings.Replace(payload, "u1", "u\xff", 1),
		"scope a list": strings.Replace(payload, `"a b"`, `["a","b"]`, 1),
	}
	for name, value := range claims {
		member := `"` + name + `":` + string(value)
		bad[name+" twice"] = strings.Replace(payload, member, member+","+member, 1)
		bad[name+" twice, once escaped"] = strings.Replace(payload, member, member+`,"`+strings.Replace(name, "i", `\u0069`, 1)+`":`+string(value), 1)
		bad[name+" an object"] = strings.Replace(payload, member, `"`+name+`":{}`, 1)
		if name == "scope" || name == "auth_time" {
			continue // optional
		}
		bad[name+" missing"] = strings.Replace(payload, `"`+name+`"`, `"x"`, 1)
		bad[name+" in capitals"] = strings.Replace(payload, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`, 1)
		bad[name+" null"] = strings.Replace(payload, member, `"`+name+`":null`, 1)
		bad[name+" empty"] = strings.Replace(payload, member, `"`+name+`":""`, 1)
		bad[name+" true"] = strings.Replace(payload, member, `"`+name+`":true`, 1)
	}
	for _, value := range []string{`[]`, `[""]`, `["orders",""]`, `[1]`, `[null]`, `1`, `{"a":1}`, `[["orders"]]`} {
		bad["aud "+value] = strings.Replace(payload, `["orders"]`, value, 1)
	}
	for _, value := range []string{`"1772367300"`, `1772367300.0`, `1772367300.5`, `1e9`, `-1`, `0`, `253402300800`, `9223372036854775808`} {
		bad["exp "+value] = strings.Replace(payload, `1772367300`, value, 1)
		bad["iat "+value] = strings.Replace(payload, `1772366400`, value, 1)
	}
	for name, payload := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := accesstoken.Parse([]byte(payload)); !errors.Is(err, accesstoken.ErrInvalid) {
				t.Errorf("%s: got %+v, %v, want ErrInvalid", payload, got, err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := user()
	expiry, issued := time.Unix(c.Expiry, 0), time.Unix(c.IssuedAt, 0)
	const ns = time.Nanosecond
	for _, tt := range []struct {
		name, issuer string
		now          time.Time
		want         error
	}{
		{"valid", issuer, epoch, nil},
		{"in its last moment", issuer, expiry.Add(-ns), nil},
		{"expiring now", issuer, expiry, accesstoken.ErrExpired},
		{"expired", issuer, expiry.Add(time.Hour), accesstoken.ErrExpired},
		{"issued 30 seconds ahead", issuer, issued.Add(-30 * time.Second), nil},
		{"issued 31 seconds ahead", issuer, issued.Add(-30*time.Second - ns), accesstoken.ErrInvalid},
		{"another issuer", "https://other.example", epoch, accesstoken.ErrInvalid},
		{"issuer with a slash", issuer + "/", epoch, accesstoken.ErrInvalid},
		{"no issuer", "", epoch, accesstoken.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := c.Validate(tt.issuer, tt.now)
			if !errors.Is(err, tt.want) || (err != nil && !errors.Is(err, accesstoken.ErrInvalid)) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !errors.Is(tt.want, accesstoken.ErrExpired) && errors.Is(err, accesstoken.ErrExpired) {
				t.Errorf("got %v, want no ErrExpired", err)
			}
		})
	}
}

// Whatever Parse takes, the standard library reads the same: no token means one
// thing here and another thing to an API.
func FuzzParse(f *testing.F) {
	f.Add([]byte(payload))
	f.Add([]byte(strings.Replace(payload, `["orders"]`, `"orders"`, 1)))
	f.Add([]byte(strings.Replace(payload, `"iss"`, `"ISS":"x","iss"`, 1)))
	f.Add([]byte(`{"iss":"a","iss":"b"}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := accesstoken.Parse(b)
		if err != nil {
			if !errors.Is(err, accesstoken.ErrInvalid) {
				t.Fatalf("got %v, want ErrInvalid", err)
			}
			return
		}
		var members map[string]any
		reader := json.NewDecoder(bytes.NewReader(b))
		reader.UseNumber() // a member that means nothing may be a number of any size
		if err := reader.Decode(&members); err != nil {
			t.Fatalf("took %q: %v", b, err)
		}
		for name, value := range map[string]string{"iss": got.Issuer, "sub": got.Subject, "jti": got.ID, "client_id": got.ClientID} {
			if members[name] != value || value == "" {
				t.Errorf("%s: got %q, want %v", name, value, members[name])
			}
		}
		if len(got.Audience) == 0 || got.Expiry <= 0 || got.IssuedAt <= 0 {
			t.Errorf("got %+v, want aud, exp and iat", got)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := accesstoken.Parse([]byte(payload)); err != nil {
			b.Fatal(err)
		}
	}
}
