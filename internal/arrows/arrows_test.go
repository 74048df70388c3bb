package arrows_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/usher-oauth/usher/"

// below lists what each package may import of this module. A package that is
// missing here fails the test, so that a new one finds its floor first.
var below = map[string][]string{
	"cmd/usher":             {"handlers", "adminapi", "adminclient", "admin", "provider", "storage", "keys", "credentials", "scope", "audit", "diagnose", "tracing"},
	"handlers":              {"adminapi", "provider", "resource", "accesstoken", "credentials", "keys", "scope", "docs", "audit"},
	"admin":                 {"storage", "keys", "credentials", "scope", "accesstoken"},
	"provider":              {"storage", "keys", "credentials", "accesstoken", "scope", "audit"},
	"diagnose":              {"admin", "provider", "storage", "keys", "credentials", "accesstoken"},
	"resource":              {"accesstoken", "keys"},
	"accesstoken":           {"internal/recent"},
	"audit":                 {},
	"tracing":               {"audit"},
	"credentials":           {},
	"keys":                  {"internal/recent"},
	"keys/keystest":         {"keys"},
	"scope":                 {},
	"storage":               {},
	"storage/storagetest":   {"storage"},
	"examples/go-api":       {"resource"},
	"internal/arrows":       {},
	"internal/recent":       {},
	"docs":                  {},
	"internal/openapitest":  {"docs"},
	"internal/postgrestest": {"storage"},

	// Over admin as handlers are over provider, and not over provider: what an operator
	// does needs no OAuth. The client of it needs no server.
	"adminapi":    {"admin", "storage", "keys", "credentials", "scope", "audit"},
	"adminclient": {"accesstoken", "adminapi", "admin", "storage", "keys"},

	// The benchmark asks usher from outside, as its users do.
	"bench":         {"bench/measure", "bench/report", "internal/postgrestest"},
	"bench/load":    {"bench/measure"},
	"bench/measure": {},
	"bench/report":  {"bench/measure"},
	"bench/bare":    {},
}

// only lists outside packages that few may import, and anything beneath them:
// one place alone, but for the benchmark's bare server, which does with a driver or a
// hash the least that usher does.
var only = map[string][]string{
	"github.com/ory/fosite":          {"provider"},
	"modernc.org/sqlite":             {"storage", "bench/bare"},
	"github.com/jackc/pgx":           {"storage", "bench/bare"},
	"github.com/pressly/goose":       {"storage"},
	"github.com/gorilla/mux":         {"handlers"},
	"github.com/alecthomas/kong":     {"cmd/usher"},
	"github.com/prometheus":          {"handlers"},
	"golang.org/x/crypto/bcrypt":     {"credentials", "bench/bare"},
	"golang.org/x/text/secure":       {"credentials"},
	"github.com/swaggest/swgui":      {"handlers"},
	"go.yaml.in/yaml":                {"handlers"},
	"github.com/getkin/kin-openapi":  {"internal/openapitest"},
	"github.com/schollz/progressbar": {"cmd/usher"},
	"github.com/coreos/go-systemd":   {"cmd/usher"},
	"go.opentelemetry.io/otel":       {"tracing"},
}

func TestArrowsPointDownwards(t *testing.T) {
	for name, imports := range packages(t, "../..") {
		allowed, known := below[name]
		if !known {
			t.Errorf("package %s has no floor yet: say what it may import", name)
		}
		for _, path := range imports {
			if inner, ours := strings.CutPrefix(path, module); ours && !slices.Contains(allowed, inner) {
				t.Errorf("%s imports %s: not among what lies below it: %v", name, inner, allowed)
			}
			for outside, owners := range only {
				if (path == outside || strings.HasPrefix(path, outside+"/")) && !slices.Contains(owners, name) {
					t.Errorf("%s imports %s: only %v may", name, path, owners)
				}
			}
		}
	}
}

func TestOnlyTheCommandReadsItsEnvironment(t *testing.T) {
	for name, imports := range packages(t, "../..") {
		if slices.Contains(imports, "os/signal") && name != "cmd/usher" {
			t.Errorf("%s handles signals: only cmd/usher may", name)
		}
	}
}

// packages reads the imports of every package's own files, tests apart.
func packages(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "oryx" || d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(dir)
		found[name] = append(found[name], []string{}...)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[name] = append(found[name], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("found %d packages under %s: looking in the wrong place", len(found), root)
	}
	return found
}
