package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/reference.md")

// The reference of commands is the code's: go test ./cmd/usher -run Reference -update
func TestReferenceOfCommands(t *testing.T) {
	t.Parallel()
	parser, err := newParser(world{stdout: os.Stdout, stderr: os.Stderr}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Commands and flags\n\n<!-- Written from the code by a test: go test ./cmd/usher -run Reference -update -->\n\n" +
		"Every flag `--some-flag` can also be set by the variable `USHER_SOME_FLAG`; the flag wins.\n" +
		"What the endpoints take and answer is in [api.md](api.md), what the metrics mean in\n" +
		"[operating.md](operating.md#health-and-metrics).\n")
	for _, m := range manuals(parser.Model.Node) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", m.Usage, m.Help)
		if len(m.Flags) > 0 {
			b.WriteString("\n| | variable | |\n| --- | --- | --- |\n")
		}
		for _, o := range m.Flags {
			variable := ""
			if o.Variable != "" {
				variable = "`" + o.Variable + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Form, variable, strings.ReplaceAll(o.Help, "|", `\|`))
		}
	}
	if *update {
		if err := os.WriteFile("../../docs/reference.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := readPage(t, "docs/reference.md"); got != b.String() {
		t.Error("docs/reference.md is not what the code says: go test ./cmd/usher -run Reference -update")
	}
}

func TestManPage(t *testing.T) {
	t.Parallel()
	page := (&testServer{t: t, Dir: t.TempDir()}).usher("man")
	for _, want := range []string{".TH USHER 1", `.SS usher user import <file>`, `.B \-\-access\-token\-ttl=`, ".SH EXIT STATUS"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.Contains(".TH .SH .SS .TP .B .I .RI ", strings.TrimSpace(line[:3])+" ") {
			t.Errorf("a line that roff takes for a request: %s", line)
		}
	}
}
