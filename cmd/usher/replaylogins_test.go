package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CVE-2025-31124 (Zitadel), CVE-2026-47203 and CVE-2026-48794 (Authelia): a name
// written in another way was another user to one part of the server, or was answered
// in another way.
func TestReplayANameHasOneForm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.usherStdin(annsPassword, "user", "add", "zoë@example.com", "--password-stdin")
	for name, spellings := range map[string][]string{
		"ann":             {"ann", "ANN", "Ann", "ａｎｎ", "ＡＮＮ"},
		"zoë@example.com": {"zoë@example.com", "ZOË@EXAMPLE.COM", "zoe\u0308@example.com", "ZOE\u0308@Example.com"},
	} {
		for _, spelling := range spellings {
			t.Run("CVE-2026-47203 "+spelling, func(t *testing.T) {
				s.usher("user", "show", spelling)
				token := s.login("web", spelling, annsPassword).AccessToken
				if status, body := s.get(s.URL+"/users/me", token); status != http.StatusOK || !strings.Contains(body, `"username":"`+name+`"`) {
					t.Errorf("got %d %s, want %s", status, body, name)
				}
			})
		}
	}

	s.usherStdin(annsPassword, "user", "add", "off", "--password-stdin")
	s.usher("user", "disable", "off")
	_, want := s.post("/token", "", "", url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {"wrong horse"}})
	for what, name := range map[string]string{
		"unknown": "nobody", "disabled": "off", "in capitals": "NOBODY", "too long": strings.Repeat("n", 2000), "with NUL": "ann\x00",
		"with a blank": "ann ", "not UTF-8": "ann\xff", "of two directions": "ann\u05d0", "with a joiner": "a\u200dnn", "SQL": "ann' OR '1'='1",
		"a lookalike": "аnn", "a wildcard": "an%", "a path": "../ann", "a line break": "ann\r\nlevel=ERROR",
	} {
		t.Run("CVE-2025-31124 and CVE-2026-48794 "+what, func(t *testing.T) {
			form := url.Values{"grant_type": {"password"}, "username": {name}, "password": {annsPassword}}
			if status, body := s.post("/token", "", "", form); status != http.StatusBadRequest || body != want {
				t.Errorf("got %d %s, want the answer to a wrong password, %s", status, body, want)
			}
		})
	}
}

// CVE-2025-22228 (Spring), CVE-2020-7689 (node bcrypt), CVE-2015-0886 (jBCrypt):
// bcrypt reads 72 bytes, up to a NUL, and counts 2^31 rounds into a sign.
func TestReplayBcryptsLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	longest := strings.Repeat("0123456789", 7) + "xy"
	s.usherStdin(longest, "user", "add", "long", "--password-stdin")
	s.usherStdin(annsPassword, "user", "add", "nul", "--password-stdin")
	s.login("web", "long", longest)
	for name, tt := range map[string]struct{ user, password string }{
		"CVE-2025-22228 a byte more":         {"long", longest + "z"},
		"CVE-2025-22228 the first 71":        {"long", longest[:71]},
		"CVE-2025-22228 many more":           {"long", longest + strings.Repeat("z", 1000)},
		"CVE-2020-7689 NUL after it":         {"nul", annsPassword + "\x00"},
		"CVE-2020-7689 NUL and more":         {"nul", annsPassword + "\x00anything"},
		"CVE-2020-7689 NUL alone":            {"nul", "\x00"},
		"CVE-2020-7689 NUL beyond the limit": {"long", longest + "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"grant_type": {"password"}, "username": {tt.user}, "password": {tt.password}}
			if status, body := s.post("/token", "", "", form); status != http.StatusBadRequest || !strings.Contains(body, "invalid_grant") {
				t.Errorf("got %d %s, want invalid_grant", status, body)
			}
		})
	}
	for name, password := range map[string]string{
		"CVE-2025-22228 setting a longer one":   longest + "z",
		"CVE-2020-7689 setting one with a NUL":  "correct\x00horse",
		"CVE-2025-22228 by bytes, not by signs": strings.Repeat("ë", 37),
	} {
		t.Run(name, func(t *testing.T) {
			login := s.login("web", "long", longest)
			req, err := http.NewRequest(http.MethodPut, s.URL+"/users/me/password",
				strings.NewReader(url.Values{"current_password": {longest}, "new_password": {password}}.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Authorization", "Bearer "+login.AccessToken)
			if status, body := s.do(req); status != http.StatusBadRequest {
				t.Errorf("got %d %s, want 400", status, body)
			}
			s.login("web", "long", longest)
		})
	}
	for _, cost := range []string{"31", "16", "99", "00", "-1"} {
		t.Run("CVE-2015-0886 importing cost "+cost, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "users.json")
			user := `[{"username":"dear","hashed_password":"$2b$` + cost + `$` + strings.Repeat("a", 21) + "u" + strings.Repeat("a", 30) + `q"}]`
			if err := os.WriteFile(file, []byte(user), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := s.command("user", "import", file).CombinedOutput(); err == nil || !strings.Contains(string(out), "usher: ") {
				t.Errorf("got %v %s, want a refusal", err, out)
			}
		})
	}
}

// CVE-2013-1443 (Django): a password of a megabyte was hashed.
func TestReplayALongPasswordIsNotHashed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	login := s.login("web", "ann", annsPassword)
	hashed, allocated := s.metric("usher_hashing_done_total"), s.allocated()
	for _, size := range []int{1 << 20, 10 << 20} {
		long := strings.Repeat("p", size)
		form := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {long}}
		if status, body := s.post("/token", "", "", form); status != http.StatusRequestEntityTooLarge {
			t.Errorf("a password of %d bytes: got %d %s, want 413", size, status, body)
		}
		req, err := http.NewRequest(http.MethodPut, s.URL+"/users/me/password", strings.NewReader(`{"current_password":"`+long+`","new_password":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+login.AccessToken)
		if status, body := s.do(req); status != http.StatusRequestEntityTooLarge {
			t.Errorf("a password change of %d bytes: got %d %s, want 413", size, status, body)
		}
	}
	if n := s.metric("usher_hashing_done_total") - hashed; n != 0 {
		t.Errorf("%v passwords were hashed, want none", n)
	}
	if n := s.allocated() - allocated; n > 4<<20 {
		t.Errorf("%.0f bytes were allocated, want no more than the bodies that are taken", n)
	}
}
