package main

// The scripts find out at which command the line is, and then know by heart what
// may follow: the program is not asked, so completing is fast and changes nothing.

// bashScript also works in the bash 3.2 of macOS.
const bashScript = `# bash completion for usher: source <(usher completion bash)
_usher() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= words= i
	# bash makes --flag=value three words.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
		{{range $i, $p := .}}{{if .At}}{{if gt $i 1}}|{{end}}{{quote .At}}{{end}}{{end}}) at="$at ${COMP_WORDS[i]}" ;;
		esac
	done
	COMPREPLY=()
	case "$at $prev" in
	{{- range .}}{{$at := .At}}{{range .Flags}}{{if .Values}}
	{{printf "%s %s" $at .Name | quote}}) {{if .Words}}COMPREPLY=($(compgen -W {{join .Words " " | quote}} -- "$cur")); {{end}}return ;;
	{{- end}}{{end}}{{end}}
	esac
	case "$at" in
	{{- range .}}
	{{quote .At}}) words={{range .Commands}}'{{.Name}} '{{end}}{{range .Words}}'{{.}} '{{end}}; [[ $cur == -* ]] && words={{range .Flags}}'{{.Name}} '{{end}} ;;
	{{- end}}
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _usher usher
`

const zshScript = `#compdef usher
# zsh completion for usher: source <(usher completion zsh)
_usher() {
	local at= word
	local -a found
	for word in ${words[2,CURRENT-1]}; do
		case "$at $word" in
		{{range $i, $p := .}}{{if .At}}{{if gt $i 1}}|{{end}}{{quote .At}}{{end}}{{end}}) at="$at $word" ;;
		esac
	done
	case "$at ${words[CURRENT-1]}" in
	{{- range .}}{{$at := .At}}{{range .Flags}}{{if .Values}}
	{{printf "%s %s" $at .Name | quote}}) {{if .Words}}compadd -- {{join .Words " "}}{{else if .File}}_files{{else}}_message value{{end}}; return ;;
	{{- end}}{{end}}{{end}}
	esac
	if [[ ${words[CURRENT]} == -* ]]; then
		case "$at" in
		{{- range .}}
		{{quote .At}}) found=({{range .Flags}}{{printf "%s:%s" .Name .Help | quote}} {{end}}) ;;
		{{- end}}
		esac
		_describe flag found
		return
	fi
	case "$at" in
	{{- range .}}{{if or .Commands .Words}}
	{{quote .At}}) found=({{range .Commands}}{{printf "%s:%s" .Name .Help | quote}} {{end}}{{range .Words}}{{quote .}} {{end}}) ;;
	{{- end}}{{end}}
	*) _files; return ;;
	esac
	_describe command found
}
# Found in fpath this file is the body of the function; sourced it defines one.
if [[ ${funcstack[1]} == _usher ]]; then _usher; else compdef _usher usher; fi
`

const fishScript = `# fish completion for usher: usher completion fish | source
function __usher_at
	set -l at ''
	for word in (commandline -opc)[2..]
		if contains -- "$at $word"{{range .}}{{if .At}} {{quote .At}}{{end}}{{end}}
			set at "$at $word"
		end
	end
	test "$at" = "$argv[1]"
end
{{- range .}}{{$at := quote .At | printf "__usher_at %s" | quote}}
{{- if or .Commands .Words}}
complete -c usher -f -n {{$at}}
{{- end}}
{{- range .Commands}}
complete -c usher -f -n {{$at}} -a {{quote .Name}} -d {{quote .Help}}
{{- end}}
{{- range .Words}}
complete -c usher -f -n {{$at}} -a {{quote .}}
{{- end}}
{{- range .Flags}}
complete -c usher -n {{$at}} -l {{slice .Name 2 | quote}}{{if .Words}} -x -a {{join .Words " " | quote}}{{else if .File}} -r -F{{else if .Values}} -x{{end}} -d {{quote .Help}}
{{- end}}
{{- end}}
`
