package keys

import "strings"

// maxHeader is the longest header that is read, in bytes once decoded. One of
// ours has about 100.
const maxHeader = 1 << 10

// header is the protected header of a token.
type header struct{ alg, kid, typ string }

// KeyID returns the kid in the header of a token, without checking its
// signature: a hint which key to look for, never a statement to trust. A token
// that is malformed up to its signature is an ErrInvalid.
func KeyID(token string) (string, error) {
	p, err := split(token)
	if err != nil {
		return "", err
	}
	h, err := readHeader(p.header)
	return h.kid, err
}

// readHeader decodes a header that has exactly the members alg, kid and typ,
// each once, each a plain string. All others are refused: jwk, jku, x5u and x5c
// name a key of the sender's choice, crit, b64 and zip change what the rest
// means, cty and enc say it is another kind of token (RFC 8725, section 3.10).
//
// It is read by hand, which takes less than a JSON decoder would: with escapes
// refused, no two spellings name one member. FuzzHeader compares the two.
func readHeader(encoded []byte) (header, error) {
	if len(encoded) > encoding.EncodedLen(maxHeader) {
		return header{}, invalid("its header is too long")
	}
	var buf [maxHeader]byte
	decoded, err := encoding.AppendDecode(buf[:0], encoded)
	if err != nil {
		return header{}, invalid("its header is not base64url")
	}
	var h header
	r := reader(decoded)
	if !r.take('{') {
		return header{}, invalid("its header is not a JSON object")
	}
	for {
		name, ok := r.str()
		if !ok || !r.take(':') {
			return header{}, invalid("its header is not an object of plain strings")
		}
		value, ok := r.str()
		if !ok || len(value) == 0 {
			return header{}, invalid("its header is not an object of plain strings")
		}
		member := h.member(name)
		if member == nil || *member != "" {
			return header{}, invalid("its header has a member that is unknown or repeated")
		}
		*member = string(value)
		if !r.take(',') {
			break
		}
	}
	if !r.take('}') || len(r) > 0 {
		return header{}, invalid("its header is not a JSON object")
	}
	if h.alg == "" || h.kid == "" || h.typ == "" {
		return header{}, invalid("its header lacks a member")
	}
	return h, nil
}

// member returns the field for a member of that exact name, or nil.
func (h *header) member(name []byte) *string {
	switch string(name) {
	case "alg":
		return &h.alg
	case "kid":
		return &h.kid
	case "typ":
		return &h.typ
	}
	return nil
}

// isTyped reports whether the header's typ is the media type typ. Case does not
// matter, and "application/" may stand before it (RFC 7515, section 4.1.9).
func (h header) isTyped(typ string) bool {
	const prefix = "application/"
	got := h.typ
	if len(got) > len(prefix) && strings.EqualFold(got[:len(prefix)], prefix) {
		got = got[len(prefix):]
	}
	return strings.EqualFold(got, typ)
}

// reader reads JSON tokens off the front of a byte slice.
type reader []byte

// take skips white space, then c and the white space after it, if c is next.
func (r *reader) take(c byte) bool {
	r.space()
	if len(*r) == 0 || (*r)[0] != c {
		return false
	}
	*r = (*r)[1:]
	r.space()
	return true
}

// str reads a string of printable ASCII without escapes.
func (r *reader) str() ([]byte, bool) {
	if len(*r) == 0 || (*r)[0] != '"' {
		return nil, false
	}
	for i, c := range (*r)[1:] {
		if c == '"' {
			s := (*r)[1 : i+1]
			*r = (*r)[i+2:]
			return s, true
		}
		if !isPlainChar(c) {
			break
		}
	}
	return nil, false
}

// space skips the white space of RFC 8259, section 2.
func (r *reader) space() {
	for len(*r) > 0 && ((*r)[0] == ' ' || (*r)[0] == '\t' || (*r)[0] == '\n' || (*r)[0] == '\r') {
		*r = (*r)[1:]
	}
}

// isPlain reports whether s can stand in JSON between quotes as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if !isPlainChar(s[i]) {
			return false
		}
	}
	return true
}

// isPlainChar also keeps all but ASCII out, so that folding case can't make a
// Kelvin sign equal to a k.
func isPlainChar(c byte) bool {
	return ' ' <= c && c <= '~' && c != '"' && c != '\\'
}
