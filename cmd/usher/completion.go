package main

import (
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// completion is `usher completion`.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. In bash, try: source <(usher completion bash)"`
}

func (c *completion) Run(w world, parser *kong.Kong) error {
	scripts := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	t, err := template.New(c.Shell).Funcs(template.FuncMap{"quote": shellQuote, "join": strings.Join}).Parse(scripts[c.Shell])
	if err != nil {
		return err
	}
	return t.Execute(w.stdout, places(parser.Model.Node, ""))
}

// place is a command as a completion script sees it: what may come next.
type place struct {
	At       string // the words so far, each after a space: " user add"
	Commands []choice
	Flags    []choice
	Words    []string // what its argument may be, where that is known
}

// choice is one word that may come next.
type choice struct {
	Name, Help string
	Values     bool     // takes a value,
	Words      []string // one of these where known,
	File       bool     // or the name of a file
}

// places returns node and all commands beneath it.
func places(node *kong.Node, at string) []place {
	p := place{At: at}
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			p.Flags = append(p.Flags, choice{
				Name: "--" + f.Name, Help: firstSentence(f.Help), Values: !f.IsBool(),
				Words: enum(f.Value), File: f.PlaceHolder == "FILE",
			})
		}
	}
	for _, arg := range node.Positional {
		p.Words = append(p.Words, enum(arg)...)
	}
	all := []place{}
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		p.Commands = append(p.Commands, choice{Name: child.Name, Help: firstSentence(child.Help)})
		all = append(all, places(child, at+" "+child.Name)...)
	}
	return append([]place{p}, all...)
}

func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(v.EnumSlice(), func(s string) bool { return s == "" })
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "; ")
	s, _, _ = strings.Cut(s, " (")
	return strings.TrimSuffix(s, ".")
}

// shellQuote makes s one word of bash, zsh and fish.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
