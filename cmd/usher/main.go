package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/usher-oauth/usher/audit"
)

// cli is the command tree. A command is a struct, its fields are its flags.
type cli struct {
	AuditLog string `placeholder:"FILE" help:"File to append a line of JSON to for each event that matters to security; - is standard output of serve and demo, and standard error of other commands (default: none)."`

	Demo        demo        `cmd:"" help:"Run a complete tutorial server: a user, two clients and the curl lines to try."`
	Serve       serve       `cmd:"" help:"Run the server."`
	User        userCmd     `cmd:"" help:"Add, change and remove users."`
	Client      clientCmd   `cmd:"" help:"Add, change and remove clients."`
	Audience    audienceCmd `cmd:"" help:"Say how tokens for one audience look, for APIs with wishes of their own."`
	Key         keyCmd      `cmd:"" help:"List, rotate and export signing keys."`
	Token       tokenCmd    `cmd:"" help:"Revoke and explain tokens."`
	Throttle    throttleCmd `cmd:"" help:"List and release users who are slowed down after failed logins."`
	Doctor      doctor      `cmd:"" help:"Find out what is wrong with an issuer, and how to fix it."`
	Migrate     migrate     `cmd:"" help:"Bring the database schema up to date."`
	Backup      backup      `cmd:"" help:"Copy the embedded database while it is in use."`
	Healthcheck healthcheck `cmd:"" help:"Ask a running server whether it is ready."`
	Version     version     `cmd:"" help:"Print version, commit and Go version."`
	Completion  completion  `cmd:"" help:"Print a completion script for a shell."`
	Man         man         `cmd:"" hidden:"" help:"Print the manual page, usher(1)."`
	Help        help        `cmd:"" help:"Explain a command."`
}

// world is what a command may touch beside its flags.
type world struct {
	stdin, stdout, stderr *os.File
	audit                 *audit.Log // nil: none is kept
}

func main() {
	os.Exit(run(os.Args[1:], world{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// run executes one command line and returns the exit status.
func run(args []string, w world) int {
	ctx := untilSignal()
	tree := &cli{}
	parser, err := newParser(w, tree)
	if err != nil {
		return w.fail(err)
	}
	if len(args) == 0 {
		parser.Stdout = w.stderr // asked for nothing, so not a result
		if err := explain(parser, nil); err != nil {
			return w.fail(err)
		}
		return 2
	}
	command, err := parser.Parse(args)
	if err != nil {
		return w.fail(withHint(err))
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := oneOffice(command); err != nil {
		return w.fail(err)
	}
	if w.audit, err = w.openAudit(tree.AuditLog, command); err != nil {
		return w.fail(err)
	}
	err = w.recorded(command, func() error { return command.Run(w, parser) })
	if err = errors.Join(err, w.audit.Close()); err != nil {
		return w.fail(err)
	}
	return 0
}

// untilSignal returns a context that the first signal to stop ends. A second one
// kills: nobody should have to look for the process id of a server that hangs
// while stopping. So signals get their usual effect back before anything learns
// of the first, which signal.NotifyContext can't promise.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-asked
		signal.Stop(asked)
		cancel()
	}()
	return ctx
}

// newParser builds the command tree.
func newParser(w world, tree *cli) (*kong.Kong, error) {
	return kong.New(tree,
		kong.Name("usher"),
		kong.Description("OAuth 2.0 authorization server. Every flag --some-flag can also be set by the variable USHER_SOME_FLAG."),
		kong.DefaultEnvars("USHER"),
		kong.Writers(w.stdout, w.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		// With a resolver present kong forgives a variable that it can't read where
		// the flag is given too. This one never knows a value: it is here for that.
		kong.Resolvers(kong.ResolverFunc(func(*kong.Context, *kong.Path, *kong.Flag) (any, error) { return nil, nil })),
	)
}

// usageError is wrong usage: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// withHint turns a parse error into wrong usage that says where to read on.
func withHint(err error) error {
	path := "usher"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		path = parse.Context.Selected().FullPath()
	}
	return usagef("%w (%s --help explains it)", err, path)
}

// fail reports err, one line for each fault in it, and returns the exit status.
func (w world) fail(err error) int {
	for line := range strings.Lines(worded(err)) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(w.stderr, "usher: "+line)
		}
	}
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// worded is the text of an error as an operator is told it.
func worded(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// help is `usher help`.
type help struct {
	Command []string `arg:"" optional:"" help:"Command to explain, such as: user add."`
}

func (c *help) Run(parser *kong.Kong) error { return explain(parser, c.Command) }

// explain prints the help of a command.
func explain(parser *kong.Kong, command []string) error {
	trace, err := kong.Trace(parser, command)
	if err == nil {
		err = trace.Error
	}
	if err != nil {
		return usagef("%w (usher help lists the commands)", err)
	}
	return trace.PrintUsage(false)
}
