package provider

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
)

// A refresh token is the prefix, the grant's id, a random part and a MAC over the
// three, each of fixed length and written in base64url without padding bits, so
// that one token has one spelling. The MAC lets an ancestor be recognized without
// a row for each token ever issued: it names its grant, and its hash is neither
// the live one's nor the parent's.
const (
	refreshPrefix = credentials.RefreshTokenPrefix
	grantIDLen    = 20
	randomBytes   = 18
	macBytes      = 18
	macLen        = macBytes / 3 * 4
	refreshLen    = len(refreshPrefix) + grantIDLen + randomBytes/3*4 + macLen
)

// refreshTokens makes and recognizes refresh tokens.
type refreshTokens struct {
	macKeys [][]byte // the current master key's first
}

func newRefreshTokens(master *keys.Master) refreshTokens {
	return refreshTokens{macKeys: master.Derive("refresh token")}
}

// issue returns a new refresh token of the grant.
func (t refreshTokens) issue(grantID string) string {
	b := make([]byte, randomBytes)
	rand.Read(b) // never fails: crypto/rand crashes the process instead
	body := refreshPrefix + grantID + base64.RawURLEncoding.EncodeToString(b)
	return body + refreshMAC(t.macKeys[0], body)
}

// grant returns the grant that a genuine refresh token belongs to.
func (t refreshTokens) grant(token string) (id string, ok bool) {
	if !credentials.LooksLikeRefreshToken(token) || len(token) != refreshLen {
		return "", false
	}
	body, mac := token[:refreshLen-macLen], token[refreshLen-macLen:]
	for _, key := range t.macKeys {
		if hmac.Equal([]byte(refreshMAC(key, body)), []byte(mac)) {
			ok = true
		}
	}
	if !ok {
		return "", false
	}
	return body[len(refreshPrefix):][:grantIDLen], true
}

func refreshMAC(key []byte, body string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:macBytes])
}

// hashToken is what the database knows of a refresh token. It needs no slow hash:
// the token has 144 random bits.
func hashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// answer is what a refresh answered, kept for a retry of it.
type answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	Expiry       int64  `json:"exp"` // of the access token, Unix seconds
}

// seal encrypts the answer under the token whose use it answers, so that any node
// can repeat it to the holder of that token and the database reveals nothing.
func (a answer) seal(presented string) ([]byte, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	aead, err := answerCipher(presented)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, nil), nil
}

func openAnswer(sealed []byte, presented string) (a answer, err error) {
	aead, err := answerCipher(presented)
	if err != nil {
		return answer{}, err
	}
	if len(sealed) < aead.NonceSize() {
		return answer{}, fmt.Errorf("opening the answer to a refresh: %d bytes are too few", len(sealed))
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	if err != nil {
		return answer{}, fmt.Errorf("opening the answer to a refresh: %w", err)
	}
	return a, json.Unmarshal(plain, &a)
}

func answerCipher(token string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "usher answer to a refresh", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
