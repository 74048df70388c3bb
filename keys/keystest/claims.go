package keystest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// claims are the members of a payload as raw JSON.
type claims map[string]json.RawMessage

func readClaims(payload []byte) claims {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		panic(err)
	}
	return c
}

func (c claims) value(name string) string { return string(c[name]) }

// with returns the payload with one claim set to a raw value.
func (c claims) with(name, value string) string {
	return c.edited(func(c claims) { c[name] = json.RawMessage(value) })
}

// without returns the payload without a claim.
func (c claims) without(name string) string {
	return c.edited(func(c claims) { delete(c, name) })
}

// named returns the payload with a claim under another name.
func (c claims) named(name, other string) string {
	return c.edited(func(c claims) {
		c[other] = c[name]
		delete(c, name)
	})
}

func (c claims) edited(edit func(claims)) string {
	edited := maps.Clone(c)
	edit(edited)
	var members []string
	for _, name := range slices.Sorted(maps.Keys(edited)) {
		members = append(members, name, string(edited[name]))
	}
	return object(members...)
}

// escapeFirst spells a name with an escape, which means the same.
func escapeFirst(name string) string {
	return fmt.Sprintf(`\u%04x%s`, name[0], name[1:])
}

func seconds(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10)
}
