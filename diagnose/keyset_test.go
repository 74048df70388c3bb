package diagnose_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"

	"github.com/usher-oauth/usher/diagnose"
)

var keySets = []broken{
	{
		"no key set in the metadata", behind(metadata(func(m map[string]any) { delete(m, "jwks_uri") })), nil,
		only("key set"), fails, "no jwks_uri", "RFC 8414",
	},
	{
		"a key set that is not handed on", behind(instead(jwksPath, 404, "")), nil,
		only("key set"), fails, "404", "hand on " + jwksPath,
	},
	{
		"a page in the place of the key set", behind(instead(jwksPath, 200, "<html></html>")), nil,
		only("key set"), fails, "a page for people", "hand on " + jwksPath,
	},
	{
		"something else in the place of the key set", behind(instead(jwksPath, 200, `{"key":[]}`)), nil,
		only("key set"), fails, "no key set", "RFC 7517",
	},
	{
		"a key set where nothing listens", behind(metadata(func(m map[string]any) { m["jwks_uri"] = "http://127.0.0.1:1/jwks" })), nil,
		only("key set"), fails, "nothing listens", "start the server",
	},
	{
		"no key", behind(editing(jwksPath, func(set map[string]any) { set["keys"] = []any{} })), nil,
		only("key set"), fails, "it is empty", "usher key rotate",
	},
	{
		"a key that is not on its curve", behind(key(func(k map[string]any) { k["x"] = k["y"] })), nil,
		only("key set"), fails, "no key that can be read", "usher key list",
	},
	{
		"a key for encryption alone", behind(key(func(k map[string]any) { k["use"] = "enc" })), nil,
		only("key set"), fails, "is not for signatures", "usher key",
	},
	{
		"a small RSA key", behind(key(func(k map[string]any) { clear(k); smallRSA(k) })), nil,
		only("key set"), fails, "RSA key of 1024 bits", "usher key",
	},
	{
		"a private key", behind(key(func(k map[string]any) { k["d"] = k["x"] })), nil,
		only("private keys"), fails, "A PRIVATE KEY IS PUBLISHED", "rotate --now",
	},
	{
		"a shared secret beside the key", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), map[string]any{"kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0"})
		})), nil,
		only("private keys"), fails, `key "s" has the member "k"`, "offline",
	},
	{
		"two keys of one id", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), set["keys"].([]any)...)
		})), nil,
		only("key ids"), fails, "two keys have the kid", "of its own",
	},
	{
		"two keys, one without an id", behind(editing(jwksPath, func(set map[string]any) {
			set["keys"] = append(set["keys"].([]any), map[string]any{"kty": "EC"})
		})), nil,
		only("key ids"), fails, "a key has no kid", "of its own",
	},
	{
		"a key without alg", behind(key(func(k map[string]any) { delete(k, "alg") })), nil,
		only("key ids"), warns, "kid, alg or use is missing", "all three",
	},
	{
		"a key set that nobody may keep", behind(with(jwksPath, "Cache-Control", "no-store")), nil,
		only("key caching"), warns, "may not keep", "proxy",
	},
	{
		"a key set without a word on caching", behind(without(jwksPath, "Cache-Control")), nil,
		only("key caching"), warns, "guess", "proxy",
	},
	{
		"a key set for a year", behind(with(jwksPath, "Cache-Control", "public, max-age=31536000")), nil,
		only("key caching"), warns, "31536000 seconds", "proxy",
	},
	{
		"a server on another database", nil, func(_ *site, i *diagnose.Issuer) { i.SigningKey = "of-another" },
		only("same keys"), fails, "does not publish key of-another", "--database",
	},
}

func smallRSA(k map[string]any) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	k["kty"], k["kid"], k["alg"], k["use"] = "RSA", "small", "RS256", "sig"
	k["n"] = base64.RawURLEncoding.EncodeToString(small.N.Bytes())
	k["e"] = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(small.E)).Bytes())
}
