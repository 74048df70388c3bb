package credentials

import (
	_ "embed"
	"strings"
)

// common are the commonest passwords that CheckPassword would else accept, as OWASP
// ASVS 5.0 §6.2.4 wants them refused: one in a line, in lower case, sorted.
// common.LICENSE says where they come from.
//
//go:embed common.txt
var common string

// checkGuessable refuses what is tried first.
func checkGuessable(password string, names []string) error {
	lower := strings.ToLower(password)
	for line := range strings.Lines(common) {
		if strings.TrimSuffix(line, "\n") == lower {
			return refuse(ErrPassword, "password is one of the 3,000 commonest, which are guessed first: choose another")
		}
	}
	for _, name := range names {
		local := name
		if at := strings.LastIndexByte(name, '@'); at > 0 {
			local = name[:at]
		}
		if strings.EqualFold(password, name) || strings.EqualFold(password, local) {
			return refuse(ErrPassword, "password is the user's own name or address: choose another")
		}
	}
	return nil
}
