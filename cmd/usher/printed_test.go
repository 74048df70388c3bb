package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// compact writes each JSON document of a text in one line.
func compact(t *testing.T, at, text string) string {
	t.Helper()
	var b bytes.Buffer
	documents := json.NewDecoder(strings.NewReader(text))
	for {
		var document json.RawMessage
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%s: reading JSON: %v in\n%s", at, err, text)
		}
		if err := json.Compact(&b, document); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
}

// differs is what differs from run to run: a time, and whatever … stands for.
var differs = regexp.MustCompile(`…|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ|\b\d{10}\b`)

// matches compares what was printed with what a page shows. In that, … stands
// for anything in a line, and for any number of lines where it is alone; times
// and the width of columns don't count.
func matches(got, want string) bool {
	columns := regexp.MustCompile(` +`)
	var lines []string
	for line := range strings.Lines(columns.ReplaceAllString(strings.TrimSpace(want), " ")) {
		line = strings.TrimSuffix(line, "\n")
		if line == "…" {
			lines = append(lines, `(?s:.*)`)
			continue
		}
		var b strings.Builder
		rest := line
		for at := differs.FindStringIndex(rest); at != nil; at = differs.FindStringIndex(rest) {
			b.WriteString(regexp.QuoteMeta(rest[:at[0]]))
			if rest[at[0]:at[1]] == "…" {
				b.WriteString(`.+`)
			} else {
				b.WriteString(regexp.MustCompile(`\d`).ReplaceAllString(rest[at[0]:at[1]], `\d`))
			}
			rest = rest[at[1]:]
		}
		lines = append(lines, b.String()+regexp.QuoteMeta(rest))
	}
	pattern := regexp.MustCompile("^" + strings.Join(lines, "\n") + "$")
	return pattern.MatchString(columns.ReplaceAllString(strings.TrimSpace(got), " "))
}
