package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// keys sign and verify.
type keys struct {
	ec  *ecdsa.PrivateKey
	rsa *rsa.PrivateKey

	digest    [sha256.Size]byte // of a text that was signed
	signature []byte            // of digest, by ec
}

func newKeys() (k keys, err error) {
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return k, err
	}
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, err
	}
	k.digest = sha256.Sum256([]byte("header.payload"))
	k.signature, err = ecdsa.SignASN1(rand.Reader, k.ec, k.digest[:])
	return k, err
}

func (b *bare) es256(w http.ResponseWriter, r *http.Request) {
	b.sign(w, r, func(digest []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, b.keys.ec, digest) })
}

func (b *bare) rs256(w http.ResponseWriter, r *http.Request) {
	b.sign(w, r, func(digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, b.keys.rsa, crypto.SHA256, digest)
	})
}

// sign writes a token of the size of usher's with a signature of its own.
func (b *bare) sign(w http.ResponseWriter, r *http.Request, sign func([]byte) ([]byte, error)) {
	if !readForm(w, r) {
		return
	}
	text := strings.Repeat("x", b.tokenBytes)
	digest := sha256.Sum256([]byte(text))
	signature, err := sign(digest[:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answerToken(w, text+"."+base64.RawURLEncoding.EncodeToString(signature), "")
}

// answerToken writes what a token endpoint answers.
func answerToken(w http.ResponseWriter, access, refresh string) {
	body := `{"access_token":"` + access + `","token_type":"Bearer","expires_in":1800,"scope":"profile"`
	if refresh != "" {
		body += `,"refresh_token":"` + refresh + `"`
	}
	answer(w, []byte(body+"}"))
}

// verifying verifies one signature before next.
func (b *bare) verifying(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !ecdsa.VerifyASN1(&b.keys.ec.PublicKey, b.keys.digest[:], b.keys.signature) {
			http.Error(w, "wrong signature", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}
