package main

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/keys/keystest"
)

// api is an example that checks tokens by itself.
type api struct {
	name      string
	command   func(t *testing.T, port string) *exec.Cmd
	lenient   bool // takes what is respelled
	onlyES256 bool // whatever the issuer has keys for
	blind     int  // status while the issuer can't be reached and its keys are not known
}

func apis() []api {
	return []api{
		{name: "fastapi", lenient: true, blind: http.StatusServiceUnavailable, command: func(t *testing.T, port string) *exec.Cmd {
			return exec.Command(python(t, "fastapi", "uvicorn", "jwt", "cryptography"), "-B", "-m", "uvicorn", "main:app", "--port", port)
		}},
		{name: "express", lenient: true, onlyES256: true, blind: http.StatusUnauthorized, command: func(t *testing.T, port string) *exec.Cmd {
			installed(t, filepath.Join(root, "examples", "express"))
			cmd := exec.Command("node", "server.js")
			cmd.Env = append(os.Environ(), "PORT="+port)
			return cmd
		}},
		{name: "go-api", blind: http.StatusServiceUnavailable, command: func(_ *testing.T, port string) *exec.Cmd {
			cmd := exec.Command("go", "run", "main.go")
			cmd.Env = append(os.Environ(), "ADDR=127.0.0.1:"+port)
			return cmd
		}},
	}
}

// start runs the example for an issuer's tokens, and returns a function that sends
// it one.
func (a api) start(t *testing.T, issuer string) (send func(token string) (status int, body string)) {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	cmd := a.command(t, port)
	cmd.Dir = filepath.Join(root, "examples", a.name)
	cmd.Env = append(cmd.Environ(), "ISSUER="+issuer, "AUDIENCE="+audience)
	background(t, cmd, address)
	s := &testServer{t: t}
	return func(token string) (int, string) { return s.get("http://"+address+"/me", token) }
}

const audience = "https://api.example"

func TestExamplesRefuseBadTokens(t *testing.T) {
	t.Parallel()
	for _, a := range apis() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			send := a.start(t, i.url)
			begin := time.Now()
			valid := i.sign(t, "at+jwt", nil)
			if status, body := send(valid); status != http.StatusOK {
				t.Fatalf("a good token: got %d %s, want 200", status, body)
			}
			for alg, ago := range earlier {
				old := i.signAt(t, time.Now().Add(-ago), "at+jwt", i.claims)
				if status, body := send(old); (status == http.StatusOK) == a.onlyES256 {
					t.Errorf("signed with %s: got %d %s", alg, status, body)
				}
			}
			for what, token := range i.others(t) {
				if status, body := send(token); status != http.StatusUnauthorized {
					t.Errorf("%s: got %d %s, want 401", what, status, body)
				}
			}
			for _, f := range keystest.ForgeriesFromToken(valid, i.ring.Document(time.Now()).JSON) {
				if !f.InHeader() || len(f.Token) > 8<<10 { // servers of other projects cut the connection
					continue
				}
				status, body := send(f.Token)
				refused := status == http.StatusUnauthorized || status == http.StatusBadRequest // RFC 6750, section 3.1
				same := status == http.StatusOK && a.lenient && respelled[f.Name]
				if !refused && !same {
					t.Errorf("%s: got %d %s, want 401", f.Name, status, body)
				}
			}
			// The forgeries name dozens of keys that do not exist.
			if got, most := i.asked.Load(), 2+int64(time.Since(begin)/(10*time.Second)); got > most {
				t.Errorf("got %d requests for the key set, want at most %d", got, most)
			}
			i.server.Close()
			if status, body := send(valid); status != http.StatusOK {
				t.Errorf("a good token while the issuer is down: got %d %s, want 200", status, body)
			}
		})
	}
}

func TestExamplesAcceptNothingWithoutKeys(t *testing.T) {
	t.Parallel()
	for _, a := range apis() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.server.Close()
			if status, body := a.start(t, i.url)(i.sign(t, "at+jwt", nil)); status != a.blind {
				t.Errorf("got %d %s, want %d", status, body, a.blind)
			}
		})
	}
}

// respelled are forgeries that say the same as the token they are made of, and that
// the libraries of other projects take for it.
var respelled = map[string]bool{
	"signature (r, n-s)":                    true,
	"signature with loose trailing bits":    true,
	"signature padded":                      true,
	"signature padded with one sign":        true,
	"standard alphabet":                     true,
	"no-break space after":                  true,
	"no-break space inside the signature":   true,
	"zero-width space after":                true,
	"zero-width space inside the signature": true,
	"byte order mark after":                 true,
	"byte order mark inside the signature":  true,
	"with a comma after it":                 true,
}

// issuer has keys, a key set and metadata, and signs what it is told.
type issuer struct {
	url    string
	server *httptest.Server
	asked  atomic.Int64 // how often for the key set
	ring   *keys.Ring
	claims map[string]any // of a good token
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	var all []keys.Key
	for age, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		key, err := keys.Generate(alg)
		if err != nil {
			t.Fatal(err)
		}
		key.SignsFrom = time.Now().AddDate(0, 0, -age-1)
		all = append(all, key)
	}
	i := &issuer{ring: keys.NewRing(all)}
	documents := http.NewServeMux()
	i.server = httptest.NewServer(documents)
	t.Cleanup(i.server.Close)
	i.url = i.server.URL
	documents.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		w.Write(i.ring.Document(time.Now()).JSON)
	})
	documents.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/.well-known/jwks.json"})
	})
	now := time.Now().Unix()
	i.claims = map[string]any{
		"iss": i.url, "sub": "ann", "aud": []string{audience}, "exp": now + 900, "iat": now,
		"jti": rand.Text(), "client_id": "web", "scope": "profile",
	}
	return i
}

// earlier is when the keys of other algorithms were those that sign.
var earlier = map[keys.Algorithm]time.Duration{keys.RS256: 30 * time.Hour, keys.EdDSA: 54 * time.Hour}

// sign signs the claims with some of them replaced, or left out where they are nil.
func (i *issuer) sign(t *testing.T, typ string, other map[string]any) string {
	t.Helper()
	claims := maps.Clone(i.claims)
	maps.Copy(claims, other)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return i.signAt(t, time.Now(), typ, claims)
}

// signAt signs with the key of that time.
func (i *issuer) signAt(t *testing.T, then time.Time, typ string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := i.ring.Sign(then, typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// others are tokens with a good signature that are not for this API (RFC 9068,
// section 4).
func (i *issuer) others(t *testing.T) map[string]string {
	t.Helper()
	past := time.Now().Add(-time.Hour).Unix()
	tokens := map[string]string{
		"another kind of token":  i.sign(t, "JWT", nil),
		"an introspection":       i.sign(t, "token-introspection+jwt", nil),
		"expired":                i.sign(t, "at+jwt", map[string]any{"iat": past - 900, "exp": past}),
		"of another issuer":      i.sign(t, "at+jwt", map[string]any{"iss": "https://elsewhere.example"}),
		"with a slash after iss": i.sign(t, "at+jwt", map[string]any{"iss": i.url + "/"}),
		"for another audience":   i.sign(t, "at+jwt", map[string]any{"aud": []string{"https://elsewhere.example"}}),
		"for a longer audience":  i.sign(t, "at+jwt", map[string]any{"aud": audience + "/more"}),
		"for nobody":             i.sign(t, "at+jwt", map[string]any{"aud": []string{}}),
	}
	for _, claim := range []string{"iss", "aud", "exp", "iat", "sub", "client_id", "jti"} {
		tokens["without "+claim] = i.sign(t, "at+jwt", map[string]any{claim: nil})
	}
	return tokens
}
