package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrOtherMaster says that sealed data needs a master key that is not in
	// the file. Its text names the ids of the one needed and of those there are.
	ErrOtherMaster = errors.New("sealed under another master key")
	// ErrDamaged says that sealed data was changed, or was sealed for another
	// purpose or in another context.
	ErrDamaged = errors.New("sealed data is damaged or belongs elsewhere")
)

// A sealed blob is
//
//	version (1) | master key id (4) | salt (12) | nonce (12) | ciphertext and tag
//
// The salt goes into the derivation of the AES key, so that each blob has a key
// of its own: with one key for all, the random nonces of AES-GCM would be good
// for 2^32 blobs (NIST SP 800-38D, section 8.3), which a busy server reaches.
const (
	sealVersion = 1
	saltSize    = 12
	nonceSize   = 12
	tagSize     = 16
	sealHeader  = 1 + masterIDSize + saltSize + nonceSize
)

// Seal encrypts and authenticates plaintext under the current master key
// (AES-256-GCM). Only Open with the same purpose and context reads it: the
// purpose says what kind of thing it is, the context which one, such as the row
// it is stored in.
func (m Master) Seal(purpose string, plaintext, context []byte) ([]byte, error) {
	k := m.keys[0]
	blob := make([]byte, sealHeader, sealHeader+len(plaintext)+tagSize)
	blob[0] = sealVersion
	copy(blob[1:], k.id[:])
	rand.Read(blob[1+masterIDSize:])
	salt, nonce := blob[1+masterIDSize:sealHeader-nonceSize], blob[sealHeader-nonceSize:]

	aead, err := k.aead(purpose, salt)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", purpose, err)
	}
	return aead.Seal(blob, nonce, plaintext, context), nil
}

// Open decrypts what Seal returned, under whichever master key sealed it. It is
// ErrOtherMaster if that is not in the file, and ErrDamaged if anything else is
// not as it was when sealed.
func (m Master) Open(purpose string, sealed, context []byte) ([]byte, error) {
	if len(sealed) < sealHeader+tagSize || sealed[0] != sealVersion {
		return nil, fmt.Errorf("opening %s: %w", purpose, ErrDamaged)
	}
	id := [masterIDSize]byte(sealed[1:])
	k := m.find(id)
	if k == nil {
		return nil, fmt.Errorf("opening %s: %w: needs %x, has %s", purpose, ErrOtherMaster, id, m.ids())
	}
	salt, nonce := sealed[1+masterIDSize:sealHeader-nonceSize], sealed[sealHeader-nonceSize:sealHeader]
	aead, err := k.aead(purpose, salt)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", purpose, err)
	}
	plaintext, err := aead.Open(nil, nonce, sealed[sealHeader:], context)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", purpose, ErrDamaged)
	}
	return plaintext, nil
}

func (k *masterKey) aead(purpose string, salt []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.derive("seal", salt, purpose))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ids lists the ids of all keys, for people.
func (m Master) ids() string {
	var b strings.Builder
	for i, k := range m.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%x", k.id)
	}
	return b.String()
}
