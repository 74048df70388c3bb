package credentials

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// The bcrypt costs this server works with. A hash of cost c takes 2^c rounds;
// 12 is about a quarter of a second, 15 two seconds.
const (
	MinCost     = 4
	MaxCost     = 15
	DefaultCost = 12
)

const (
	bcryptPrefix = "$2a$" // what this server writes
	saltEnd      = 7 + 22 // after "$2a$12$"
	hashLen      = saltEnd + 31
	digestBytes  = 23
	saltBytes    = 16
)

// bcrypt64 is base64 in bcrypt's own order of characters.
var bcrypt64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// foreign names the schemes people try to import, by how their hashes begin.
var foreign = []struct{ prefix, name string }{
	{"$argon2", "Argon2"},
	{"$scrypt$", "scrypt"},
	{"scrypt:", "scrypt"},
	{"$pbkdf2", "PBKDF2"},
	{"pbkdf2", "PBKDF2"},
	{"$bcrypt-sha256$", "passlib bcrypt-sha256"},
	{"bcrypt_sha256$", "Django bcrypt-sha256"},
	{"$1$", "MD5-crypt"},
	{"$5$", "SHA-256-crypt"},
	{"$6$", "SHA-512-crypt"},
	{"$y$", "yescrypt"},
	{"$2$", "bcrypt of 1999, $2$"},
	{"$2x$", "defective bcrypt, $2x$"},
}

// CheckCost tells whether cost is one this server hashes with. The error wraps
// [ErrCost].
func CheckCost(cost int) error {
	if cost < MinCost || cost > MaxCost {
		return refuse(ErrCost, "bcrypt cost %d is outside %d to %d", cost, MinCost, MaxCost)
	}
	return nil
}

// ParseHash reads the cost of a bcrypt hash made by any program: $2a$, $2b$ or
// $2y$ and [MinCost] to [MaxCost]. Whatever no password could match is refused.
// The error wraps [ErrHash], and names the scheme of a hash that is not bcrypt.
func ParseHash(hash string) (cost int, err error) {
	for _, f := range foreign {
		if strings.HasPrefix(hash, f.prefix) {
			return 0, refuse(ErrHash, "hash is %s: only bcrypt ($2a$, $2b$, $2y$) can be read", f.name)
		}
	}
	if len(hash) < 7 || hash[:2] != "$2" || !strings.Contains("aby", hash[2:3]) || hash[3] != '$' || hash[6] != '$' {
		return 0, refuse(ErrHash, "hash is not bcrypt: it must begin like $2b$12$")
	}
	tens, ones := hash[4]-'0', hash[5]-'0'
	if tens > 9 || ones > 9 {
		return 0, refuse(ErrHash, "bcrypt hash has no cost: it must begin like $2b$12$")
	}
	cost = int(10*tens + ones)
	if err := CheckCost(cost); err != nil {
		return 0, refuse(ErrHash, "%v", err)
	}
	if len(hash) != hashLen {
		return 0, refuse(ErrHash, "bcrypt hash has %d characters instead of %d: it was cut or padded", len(hash), hashLen)
	}
	// The decoder skips line breaks, hence the lengths. Stray bits at the end
	// of the salt are harmless and occur; at the end of the digest they mean
	// that no password ever matches.
	salt, saltErr := bcrypt64.DecodeString(hash[7:saltEnd])
	digest, digestErr := bcrypt64.Strict().DecodeString(hash[saltEnd:])
	if saltErr != nil || digestErr != nil || len(salt) != saltBytes || len(digest) != digestBytes {
		return 0, refuse(ErrHash, "bcrypt hash is damaged: no password could match it")
	}
	return cost, nil
}

// dummyHash is a well-formed hash of some cost, to spend time on. What a
// comparison with it says is never looked at, so all can share a salt.
func dummyHash(cost int) string {
	return fmt.Sprintf("%s%02d$%s", bcryptPrefix, cost, strings.Repeat(".", hashLen-7))
}
