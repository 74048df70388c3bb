package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// outputFlag is on every command that prints data.
type outputFlag struct {
	JSON bool `help:"Print one JSON document."`
}

// print writes a result to standard output: v as JSON where asked for, else
// what human returns.
func (f outputFlag) print(w world, v any, human func() string) error {
	if !f.JSON {
		_, err := w.stdout.WriteString(human())
		return err
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.stdout.Write(append(b, '\n'))
	return err
}

// nothing is the result of a command whose only result is that it is done.
func nothing() string { return "" }

// say talks to the person at the terminal, beside the result.
func (w world) say(format string, args ...any) { fmt.Fprintf(w.stderr, format+"\n", args...) }

// table aligns rows in columns.
func table(rows ...[]string) string {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell)
		}
		fmt.Fprintln(t)
	}
	t.Flush() // to a buffer: it can't fail
	return b.String()
}

// cell makes text that others chose fit for a terminal: no escape sequence, no
// tab, no line break. What is empty is a dash, so that columns can be counted.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// words shows a list in a cell.
func words(list []string) string { return cell(strings.Join(list, " ")) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// state shows whether an account works.
func state(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "active"
}

// clock shows a time to a person; the zero time is a dash.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
