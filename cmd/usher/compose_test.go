package main

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// What the examples of deploy set is what usher reads.
func TestVariablesOfTheDeploymentExamplesExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	eachFlag(t, func(_ *kong.Node, flag *kong.Flag) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	})
	variable := regexp.MustCompile(`\bUSHER_[A-Z_]+`)
	set := 0
	err := filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, ".key") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(text), -1) {
			set++
			if !known[name] {
				t.Errorf("%s: no flag has the variable %s", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if set == 0 {
		t.Error("no variable was found")
	}
}

type composeFile struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Build       map[string]string `yaml:"build"`
		Environment map[string]string `yaml:"environment"`
		Secrets     []string          `yaml:"secrets"`
		Volumes     []string          `yaml:"volumes"`
		ReadOnly    bool              `yaml:"read_only"`
	} `yaml:"services"`
	Secrets map[string]map[string]string `yaml:"secrets"`
	Volumes map[string]any               `yaml:"volumes"`
}

// The parts of the compose file fit together: files, names of hosts, connections.
func TestTheComposeFileHoldsTogether(t *testing.T) {
	t.Parallel()
	text := readPage(t, "deploy/compose.yaml")
	var file composeFile
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	connections, nodes := 0, []string{}
	for name, service := range file.Services {
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, declared := file.Volumes[source]; declared {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, "deploy", source)); err != nil {
				t.Errorf("%s mounts what is neither a volume nor a file: %v", name, err)
			}
		}
		if dockerfile := service.Build["dockerfile"]; dockerfile != "" {
			if _, err := os.Stat(filepath.Join(root, "deploy", service.Build["context"], dockerfile)); err != nil {
				t.Errorf("%s is built by what is not there: %v", name, err)
			}
		}
		if service.Image != "usher" {
			continue
		}
		nodes = append(nodes, name)
		if !service.ReadOnly {
			t.Errorf("%s may write to its root", name)
		}
		database, err := url.Parse(service.Environment["USHER_DATABASE"])
		if err != nil {
			t.Fatal(err)
		}
		for host := range strings.SplitSeq(database.Host, ",") {
			if _, ok := file.Services[host]; !ok {
				t.Errorf("%s: the database is at %s, which is no service", name, host)
			}
		}
		conns, err := strconv.Atoi(database.Query().Get("pool_max_conns"))
		if err != nil {
			t.Errorf("%s: pool_max_conns: %v", name, err)
		}
		connections += conns + 1 // it listens on one more
		key := filepath.Base(service.Environment["USHER_MASTER_KEY_FILE"])
		made := file.Secrets[key]["file"]
		if !slices.Contains(service.Secrets, key) || !strings.Contains(text, "usher key new-master "+filepath.Join("deploy", made)) {
			t.Errorf("%s: its master key %q is not the secret that the first lines make (%q)", name, key, made)
		}
		if !strings.Contains(readPage(t, ".gitignore"), "/"+filepath.Join("deploy", made)+"\n") {
			t.Errorf("git does not ignore the master key deploy/%s", made)
		}
	}
	// PostgreSQL's default of 100, three of them kept for superusers.
	if connections > 97 || connections == 0 {
		t.Errorf("the nodes take %d connections", connections)
	}
	var asked []string
	for _, server := range regexp.MustCompile(`(?m)^\tserver \S+ (\S+):8000`).FindAllStringSubmatch(readPage(t, "deploy/haproxy-compose.cfg"), -1) {
		asked = append(asked, server[1])
	}
	slices.Sort(nodes)
	if !slices.Equal(asked, nodes) {
		t.Errorf("the proxy asks %q, the nodes are %q", asked, nodes)
	}
}

func TestTheProxyOfTheComposeFileIsConfigured(t *testing.T) {
	t.Parallel()
	// The names are known in the compose file's network alone.
	config := strings.ReplaceAll(readPage(t, "deploy/haproxy-compose.cfg"), "init-addr last,libc,none", "init-addr none")
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "haproxy", "-c", "-f", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
