package keys

import (
	"bufio"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

const (
	// masterPrefix begins every line of a master key file, so that a key that
	// got into a log or a repository can be searched for.
	masterPrefix = "usher-master-key-1."
	masterSize   = 32 // bytes of secret in a line, and of every key derived
	masterIDSize = 4

	// maxMasterFile keeps a wrong file name from being read to the end.
	maxMasterFile = 64 << 10

	redacted = "REDACTED"
)

// Master is the secret that guards all others at rest. Its current key seals;
// older ones remain to open what they sealed. Keys for a purpose are derived by
// HKDF-SHA256 (RFC 5869), so no two purposes share a key.
//
// A Master prints as REDACTED, whatever prints it.
type Master struct {
	keys []*masterKey // the current one first
}

type masterKey struct {
	id [masterIDSize]byte
	// A function, because all that any way of printing shows of one is an
	// address: in an unexported field of another struct, fmt does not call the
	// methods by which a Master hides itself.
	secret func() []byte
}

// NewMasterLine returns a line for a master key file with a new random key.
func NewMasterLine() string {
	secret := make([]byte, masterSize)
	rand.Read(secret) // never fails: it ends the program if there is no randomness
	return masterPrefix + encoding.EncodeToString(secret)
}

// ReadMaster reads a master key file: text with one key a line, the first one
// current, the others kept for reading. Blank lines and lines that begin with #
// are comments. Errors name the line, never what is in it.
func ReadMaster(r io.Reader) (*Master, error) {
	m := new(Master)
	limited := &io.LimitedReader{R: r, N: maxMasterFile}
	lines := bufio.NewScanner(limited)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseMasterLine(line)
		if err != nil {
			return nil, fmt.Errorf("reading master key: line %d: %w", n, err)
		}
		if m.find(k.id) != nil {
			return nil, fmt.Errorf("reading master key: line %d: key %x stands in the file twice", n, k.id)
		}
		m.keys = append(m.keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading master key: %w", err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("reading master key: larger than %d bytes", maxMasterFile)
	}
	if len(m.keys) == 0 {
		return nil, errors.New("reading master key: no key in it")
	}
	return m, nil
}

func parseMasterLine(line string) (*masterKey, error) {
	text, ok := strings.CutPrefix(line, masterPrefix)
	if !ok {
		return nil, fmt.Errorf("does not begin with %q", masterPrefix)
	}
	secret, err := encoding.DecodeString(text)
	if err != nil || len(secret) != masterSize {
		return nil, fmt.Errorf("not %d bytes in base64url after %q", masterSize, masterPrefix)
	}
	k := &masterKey{secret: func() []byte { return secret }}
	copy(k.id[:], k.derive("id", nil, ""))
	return k, nil
}

// Derive returns the 32-byte keys for a purpose, the current one first. What
// was made under an older key is recognised by trying them in turn.
func (m Master) Derive(purpose string) [][]byte {
	derived := make([][]byte, len(m.keys))
	for i, k := range m.keys {
		derived[i] = k.derive("derive", nil, purpose)
	}
	return derived
}

// ID names the current key in 8 hexadecimal digits, which tell nothing of it.
func (m Master) ID() string {
	return hex.EncodeToString(m.keys[0].id[:])
}

// derive returns a key for one use of the master key and one purpose in it.
func (k *masterKey) derive(use string, salt []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.secret(), salt, masterPrefix+use+"."+purpose, masterSize)
	if err != nil {
		panic(err) // only for more than 255 hashes of output
	}
	return key
}

func (m Master) find(id [masterIDSize]byte) *masterKey {
	i := slices.IndexFunc(m.keys, func(k *masterKey) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return m.keys[i]
}

// String returns REDACTED.
func (Master) String() string { return redacted }

// GoString returns REDACTED.
func (Master) GoString() string { return redacted }

// Format prints REDACTED for every verb.
func (Master) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue returns REDACTED.
func (Master) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns REDACTED, also to encoding/json.
func (Master) MarshalText() ([]byte, error) { return []byte(redacted), nil }
