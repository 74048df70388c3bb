package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Document is a key set as it is served.
type Document struct {
	JSON []byte // a JWK Set of public keys (RFC 7517, section 5); not to be changed
	ETag string // a strong entity tag, quotes included (RFC 9110, section 8.8.3)

	// MaxAge is how long a verifier may keep the document, in whole seconds and
	// at least one: keys.MaxAge, or less where a key leaves the set before.
	MaxAge time.Duration
}

// document is a Document but for its age, which depends on the moment.
type document struct {
	json    []byte
	etag    string
	expires time.Time // when the next key leaves; zero: none will
}

// newDocument writes the key set of the given keys, in their order.
func newDocument(keys []Key) document {
	entries := make([][]byte, len(keys))
	var d document
	for i, k := range keys {
		entries[i] = k.material().jwk
		if end := k.PublishedUntil; !end.IsZero() && (d.expires.IsZero() || end.Before(d.expires)) {
			d.expires = end
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"keys":[`)
	b.Write(bytes.Join(entries, []byte(",")))
	b.WriteString(`]}`)
	d.json = b.Bytes()
	sum := sha256.Sum256(d.json)
	d.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return d
}

func (d document) at(now time.Time) Document {
	age := MaxAge
	if !d.expires.IsZero() {
		age = min(age, d.expires.Sub(now).Truncate(time.Second))
	}
	return Document{JSON: d.json, ETag: d.etag, MaxAge: max(age, time.Second)}
}
