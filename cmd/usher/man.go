package main

import (
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// man is `usher man`, for those who make packages: usher man > usher.1
type man struct{}

func (c *man) Run(w world, parser *kong.Kong) error {
	t, err := template.New("man").Funcs(template.FuncMap{"roff": roff}).Parse(manPage)
	if err != nil {
		return err
	}
	return t.Execute(w.stdout, struct {
		About    string
		Commands []manual
	}{parser.Model.Help, manuals(parser.Model.Node)})
}

// manPage is in the macros of man(7).
const manPage = `.TH USHER 1 "" "usher" "User Commands"
.SH NAME
usher \- OAuth 2.0 authorization server
.SH SYNOPSIS
.B usher
.I COMMAND
.RI [ FLAGS ]
.SH DESCRIPTION
{{roff .About}}
.SH COMMANDS
{{- range .Commands}}
.SS {{roff .Usage}}
{{roff .Help}}
{{- range .Flags}}
.TP
.B {{roff .Form}}
{{roff .Help}}
{{- end}}
{{- end}}
.SH ENVIRONMENT
Every flag \-\-some\-flag can also be set by the variable USHER_SOME_FLAG; the flag wins.
.SH EXIT STATUS
0 where all went well, 1 where something did not, 2 where the command line is wrong.
`

// manual is what a manual says of one command.
type manual struct {
	Usage, Help string
	Flags       []option
}

type option struct{ Form, Variable, Help string }

// manuals returns what there is to say of all commands that run, beneath node.
func manuals(node *kong.Node) []manual {
	var all []manual
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		if len(child.Children) > 0 {
			all = append(all, manuals(child)...)
			continue
		}
		m := manual{Usage: "usher " + strings.TrimPrefix(child.FullPath(), "usher "), Help: child.Help}
		for _, arg := range child.Positional {
			m.Usage += " " + arg.Summary()
			m.Flags = append(m.Flags, option{Form: arg.Summary(), Help: arg.Help})
		}
		for _, group := range child.AllFlags(true) {
			for _, f := range group {
				if f.Name == "help" {
					continue
				}
				o := option{Form: "--" + f.Name, Help: f.Help, Variable: strings.Join(f.Envs, ", ")}
				if !f.IsBool() {
					o.Form += "=" + f.FormatPlaceHolder()
				}
				m.Flags = append(m.Flags, o)
			}
		}
		all = append(all, m)
	}
	return all
}

// roff writes text that a line of roff(7) would take for more than text.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
