package keys

import (
	"testing"

	"github.com/go-jose/go-jose/v4/json"
)

// FuzzHeader compares the reader of headers with a JSON decoder that refuses
// duplicates and minds case: what the reader takes, the decoder reads the same.
// Inside the package, because a whole token would need its signature.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		`{"alg":"ES256","kid":"k","typ":"at+jwt"}`,
		" {\n\"typ\" : \"JWT\" ,\t\"kid\":\"k\",\r\"alg\":\"none\"} ",
		`{"alg":"a","alg":"b","kid":"k","typ":"t"}`,
		`{"alg":"a","kid":"k","typ":"t","crit":["x"]}`,
		`{"alg":"\u0061","kid":"k","typ":"t"}`,
		`{"alg":"a","kid":"k","typ":"t",}`,
		`{"alg":"a""kid":"k","typ":"t"}`,
		`{"alg":"a","kid":"k","typ":"t"}{}`,
		`{}`, `{`, `[]`, ``, `"`, `{"`, `{"alg`, `{"alg":`, `{"alg":"`, `{"alg":"a"`, `{"alg":"a",`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readHeader([]byte(encoding.EncodeToString(b)))
		if err != nil {
			return
		}
		var members map[string]string
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatalf("took %q, which a decoder refuses: %v", b, err)
		}
		want := header{members["alg"], members["kid"], members["typ"]}
		if got != want || len(members) != 3 {
			t.Errorf("%q: got %+v, want %+v of %d members", b, got, want, len(members))
		}
	})
}
