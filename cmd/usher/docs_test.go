package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const root = "../.." // of the repository

// The commands in the documents are run as a reader would: in bash, with curl,
// the blocks of a page one after another in one session, beside a server.
//
//	```sh              has to exit with 0
//	```sh exit=1       has to exit with 1
//	```sh background   runs from the beginning to the end, at 127.0.0.1:9000
//	```sh norun        can't be run in a test
//
// A ```json or ```text block right after a command is what it prints; see matches.
func TestCommandsOfThePagesWork(t *testing.T) {
	t.Parallel()
	kept := []string{"demo", "--database", "sqlite:usher.db"}
	for _, p := range []page{
		{name: "README.md", server: []string{"demo"}},
		{name: "docs/api.md", server: kept},
		{name: "docs/operating.md", server: kept},
		{name: "docs/from-fastapi.md", folder: "examples/fastapi", server: []string{
			"serve", "--default-client", "web", "--cors-origins", "http://127.0.0.1:9000",
		}},
		{name: "examples/express/README.md", folder: "examples/express", server: kept},
		{name: "examples/fastapi/README.md", folder: "examples/fastapi", server: append(kept, "--cors-origins", "http://127.0.0.1:9000")},
		{name: "examples/go-api/README.md", folder: "examples/go-api", server: kept},
		{name: "examples/nginx/README.md", folder: "examples/nginx", server: kept},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			steps := commands(t, p.name)
			if len(steps) < 4 {
				t.Fatalf("got %d blocks to run: is the page still read?", len(steps))
			}
			p.run(t, steps)
		})
	}
}

// page is a document with commands.
type page struct {
	name   string
	server []string // what runs beside it
	folder string   // of an example whose files are beside the database
}

// step is a block of commands and what stands after it.
type step struct {
	line   int // of the page
	script string
	status string // exit status, or background
	form   string // of want: json, text, or nothing
	want   string
}

// commands returns the blocks of a page that are to be run.
func commands(t *testing.T, page string) []step {
	var steps []step
	blocks := fenced(t, page)
	for i, b := range blocks {
		language, mark, _ := strings.Cut(b.info, " ")
		if language != "sh" || mark == "norun" {
			continue
		}
		st := step{line: b.line, script: b.text, status: "0"}
		if mark != "" {
			st.status = strings.TrimPrefix(mark, "exit=")
		}
		if i+1 < len(blocks) && blocks[i+1].line == b.line+strings.Count(b.text, "\n")+2 && slices.Contains([]string{"json", "text"}, blocks[i+1].info) {
			st.form, st.want = blocks[i+1].info, blocks[i+1].text
		}
		steps = append(steps, st)
	}
	return steps
}

// block is a fenced code block.
type block struct {
	line       int // of the opening fence
	info, text string
}

func fenced(t *testing.T, page string) []block {
	t.Helper()
	var blocks []block
	open := false
	for n, line := range strings.Split(readPage(t, page), "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open:
			open = false
		case fence:
			open = true
			blocks = append(blocks, block{line: n + 1, info: info})
		case open:
			blocks[len(blocks)-1].text += line + "\n"
		}
	}
	return blocks
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs the steps in one bash and compares what each prints.
func (p page) run(t *testing.T, steps []step) {
	app, behind := freeAddress(t), freeAddress(t)
	_, port, _ := strings.Cut(app, ":")
	examples := []string{"127.0.0.1:9000", app, "port 9000", "port " + port, "PORT=9000", "PORT=" + port, "127.0.0.1:9001", behind}
	var args []string
	for _, arg := range p.server {
		args = append(args, strings.NewReplacer(examples...).Replace(arg))
	}
	s := startServer(t, args...)
	public, admin := strings.TrimPrefix(s.URL, "http://"), strings.TrimPrefix(s.AdminURL, "http://")
	there := strings.NewReplacer(append(examples, "127.0.0.1:8000", public, "127.0.0.1:8001", admin)...)
	back := strings.NewReplacer(public, "127.0.0.1:8000", admin, "127.0.0.1:8001", app, "127.0.0.1:9000", behind, "127.0.0.1:9001", "\r", "")
	home := t.TempDir()
	var env []string
	if p.folder != "" {
		layOut(t, filepath.Join(root, p.folder), s.Dir, there)
		env = tools(t, home)
	}
	// curl shows its progress where its output is no terminal.
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("silent\nshow-error\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(script string) *exec.Cmd {
		cmd := exec.Command("bash", "--norc", "-u", "-c", script)
		cmd.Dir = s.Dir
		cmd.Env = append(os.Environ(), "HOME="+home, "LC_ALL=C", "USHER_BCRYPT_COST=4", "USHER_ADDR="+public)
		cmd.Env = append(cmd.Env, env...)
		return cmd
	}

	var script strings.Builder
	for i, st := range steps {
		if st.status == "background" {
			background(t, command(there.Replace(st.script)), app)
			continue
		}
		set, stderr := "-e", "2>&1" // as a terminal shows it
		if st.status != "0" {
			set = "+e"
		}
		if st.form == "json" {
			stderr = fmt.Sprintf("2>%s/%d.err", home, i)
		}
		fmt.Fprintf(&script, "set %s\n{\n%s} >%s/%d.out %s\necho $? >%[3]s/%[4]d.status\n", set, there.Replace(st.script), home, i, stderr)
	}
	said, err := command(script.String()).CombinedOutput()

	read := func(i int, what string) string {
		text, _ := os.ReadFile(fmt.Sprintf("%s/%d.%s", home, i, what)) // a step that was not reached has none
		return back.Replace(string(text))
	}
	for i, st := range steps {
		at := fmt.Sprintf("%s:%d", p.name, st.line)
		if st.status == "background" {
			continue
		}
		got := read(i, "out")
		if status := strings.TrimSpace(read(i, "status")); status != st.status {
			t.Fatalf("%s: got exit status %q, want %s (bash: %v)\n%s%s%s%s", at, status, st.status, err, st.script, got, read(i, "err"), said)
		}
		if st.form == "json" {
			got, st.want = compact(t, at, got), compact(t, at, st.want)
		}
		if st.form != "" && !matches(got, st.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", at, got, st.want)
		}
	}
}

// A snippet that does not compile is worse than none.
func TestGoOfTheReadmeCompiles(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "README.md")
	i := slices.IndexFunc(blocks, func(b block) bool { return b.info == "go" })
	if i < 0 {
		t.Fatal("got no Go in the README")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(blocks[i].text), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", os.DevNull, file)
	build.Dir = root // so that it is this module's resource
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("README.md:%d: %v\n%s", blocks[i].line, err, out)
	}
}

func TestEveryFlagOfServeIsDocumented(t *testing.T) {
	t.Parallel()
	page := readPage(t, "docs/operating.md")
	eachFlag(t, func(command *kong.Node, flag *kong.Flag) {
		if command.Name != "serve" || flag.Name == "help" {
			return
		}
		row := regexp.MustCompile("(?m)^\\|.*`--" + flag.Name + "`.*$").FindString(page)
		for _, want := range append(flag.Envs, flag.Default) {
			if want != "" && !strings.Contains(row, "`"+want+"`") || row == "" {
				t.Errorf("--%s: got the row %q, want one with `%s`", flag.Name, row, want)
			}
		}
	})
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s:#]*)(?:#([^)\s]+))?\)`) // not to another site
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "examples/*.md", "examples/*/*.md", "internal/oryx/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	seen := 0
	for _, file := range pages {
		page, _ := filepath.Rel(root, file)
		for _, m := range link.FindAllStringSubmatch(readPage(t, page), -1) {
			seen++
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" && !slices.Contains(anchors(readPage(t, target)), m[2]) {
				t.Errorf("%s: there is no #%s in %s", page, m[2], target)
			}
		}
	}
	if seen < 20 {
		t.Errorf("got %d links in %d pages: are they still read?", seen, len(pages))
	}
}

// anchors are the names that GitHub gives the headings of a page.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}
