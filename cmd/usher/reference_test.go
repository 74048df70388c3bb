package main

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/internal/openapitest"
)

var update = flag.Bool("update", false, "rewrite docs/reference.md")

// The reference is what the code says: go test ./cmd/usher -run Reference -update
func TestReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Reference\n\n<!-- Written from the code by a test: go test ./cmd/usher -run Reference -update -->\n\n" +
		"[Commands](#commands), [routes](#routes), [errors](#errors), [metrics](#metrics). What the endpoints take and\n" +
		"answer is in [api.md](api.md), what to do about a metric in [operating.md](operating.md#health-and-metrics).\n")
	writeCommands(t, &b)
	writeRoutes(t, &b)
	writeMetrics(t, &b)
	if *update {
		if err := os.WriteFile("../../docs/reference.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := readPage(t, "docs/reference.md"); got != b.String() {
		t.Error("docs/reference.md is not what the code says: go test ./cmd/usher -run Reference -update")
	}
}

func writeCommands(t *testing.T, b *strings.Builder) {
	t.Helper()
	parser, err := newParser(world{stdout: os.Stdout, stderr: os.Stderr}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n## Commands\n\nEvery flag `--some-flag` can also be set by the variable `USHER_SOME_FLAG`; the flag wins.\n")
	for _, m := range manuals(parser.Model.Node) {
		fmt.Fprintf(b, "\n### %s\n\n%s\n", m.Usage, m.Help)
		if len(m.Flags) > 0 {
			b.WriteString("\n| | variable | |\n| --- | --- | --- |\n")
		}
		for _, o := range m.Flags {
			variable := ""
			if o.Variable != "" {
				variable = "`" + o.Variable + "`"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", o.Form, variable, strings.ReplaceAll(o.Help, "|", `\|`))
		}
	}
}

// writeRoutes writes what the OpenAPI document says of each route, which other tests
// hold against the server, and of which errors it has examples.
func writeRoutes(t *testing.T, b *strings.Builder) {
	t.Helper()
	doc, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n## Routes\n\n| | | answers |\n| --- | --- | --- |\n")
	said := make(map[string]map[string]bool) // by status and code
	paths := doc.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		operations := paths[path].Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			responses := operations[method].Responses.Map()
			fmt.Fprintf(b, "| `%s %s` | %s | %s |\n", method, path, operations[method].Summary, strings.Join(slices.Sorted(maps.Keys(responses)), ", "))
			for status, response := range responses {
				for _, media := range response.Value.Content {
					for _, example := range media.Examples {
						about, _ := example.Value.Value.(map[string]any)
						if code, ok := about["error"].(string); ok {
							row := status + " | `" + code + "`"
							if said[row] == nil {
								said[row] = make(map[string]bool)
							}
							said[row][fmt.Sprint(about["error_description"])] = true
						}
					}
				}
			}
		}
	}
	b.WriteString("\n## Errors\n\n| status | `error` | such as |\n| --- | --- | --- |\n")
	for _, row := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(b, "| %s | %s |\n", row, slices.Min(slices.Collect(maps.Keys(said[row]))))
	}
}

var (
	exposedHelp  = regexp.MustCompile(`(?m)^# HELP (usher_\S+) (.*)\n# TYPE \S+ (\S+)$`)
	exposedLabel = regexp.MustCompile(`([a-z_]+)="`)
)

// writeMetrics writes what a server says of its own metrics once somebody logged in,
// and somebody was refused.
func writeMetrics(t *testing.T, b *strings.Builder) {
	t.Helper()
	s := newServer(t)
	s.login("web", "ann", annsPassword)
	s.wants(http.StatusUnauthorized, "nonsense", "no token")
	_, exposed := s.get(s.AdminURL+"/metrics", "")
	b.WriteString("\n## Metrics\n\nAt `/metrics` of the admin address, beside those of the process and of Go.\n\n| | | labels | |\n| --- | --- | --- | --- |\n")
	for _, m := range exposedHelp.FindAllStringSubmatch(exposed, -1) {
		labels := make(map[string]bool)
		for _, sample := range regexp.MustCompile(`(?m)^`+m[1]+`(?:_bucket)?\{(.*)\}`).FindAllStringSubmatch(exposed, -1) {
			for _, label := range exposedLabel.FindAllStringSubmatch(sample[1], -1) {
				if label[1] != "le" {
					labels[label[1]] = true
				}
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", m[1], m[3], strings.Join(slices.Sorted(maps.Keys(labels)), ", "), m[2])
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
