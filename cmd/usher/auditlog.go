package main

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/usher-oauth/usher/audit"
)

// changing are the commands that change something, as their path is written. Each
// run of one is an event, also one that was refused.
var changing = map[string]bool{
	"user add": true, "user set-password": true, "user set-scopes": true, "user disable": true,
	"user enable": true, "user remove": true, "user import": true,
	"client add": true, "client rotate-secret": true, "client disable": true, "client enable": true, "client remove": true,
	"audience add": true, "audience remove": true,
	"key rotate": true, "key retire": true, "key new-master": true,
	"token revoke": true, "throttle clear": true, "migrate": true,
	// A copy of the database, or of all users, leaves it.
	"backup": true, "user export": true,
}

// openAudit opens the audit log where --audit-log names one. Of a command that changes
// something, standard output is the result: a script takes a new password from there.
func (w world) openAudit(path string, command *kong.Context) (*audit.Log, error) {
	if path == "" {
		return nil, nil
	}
	standard := w.stdout
	if changing[pathOf(command)] {
		standard = w.stderr
	}
	return audit.Open(path, standard, func(err error) { w.say("usher: %v", err) })
}

// pathOf is a command as [changing] has it.
func pathOf(command *kong.Context) string {
	return strings.TrimPrefix(command.Selected().FullPath(), "usher ")
}

// recorded runs a command and writes the record of it.
func (w world) recorded(command *kong.Context, run func() error) error {
	path := pathOf(command)
	err := run()
	if !changing[path] {
		return err
	}
	r := &audit.Record{
		Event: strings.ReplaceAll(path, " ", "."), Outcome: audit.OK,
		Actor: operator(), Object: object(command),
	}
	if err != nil {
		r.Outcome, r.Reason = audit.Refused, strings.Join(strings.Fields(worded(err)), " ")
	}
	w.audit.Write(time.Now(), r)
	return err
}

// object is what a command was told to change: its arguments, and the flags that
// say of what kind they are. None of these is ever a secret.
func object(command *kong.Context) string {
	var words []string
	for _, step := range command.Path {
		switch {
		case step.Positional != nil:
			words = append(words, fmt.Sprint(step.Positional.Target.Interface()))
		case step.Flag != nil:
			switch name := step.Flag.Name; name {
			case "user", "client", "now", "for-audiences", "alg", "scopes", "grants", "introspect", "public":
				words = append(words, fmt.Sprintf("%s=%v", name, step.Flag.Target.Interface()))
			}
		}
	}
	if server := flagValue(command, "server"); server != "" {
		words = append(words, "server="+server)
	}
	return strings.Join(words, " ")
}

// operator is who runs the command, as the system knows them.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" {
		return by + " as " + name
	}
	return name
}
