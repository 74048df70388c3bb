package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// maxSecret bounds what is read from standard input, in bytes. No rule allows a
// password or secret of this length, so what is cut off is refused anyway.
const maxSecret = 64 << 10

// passwordFlags say where a password comes from. It is never the value of a
// flag: those are seen by every process of the machine.
type passwordFlags struct {
	PasswordStdin    bool `help:"Read the password from standard input, without the line break at its end."`
	GeneratePassword bool `help:"Make a password and print it once on standard output."`
}

// check refuses, before anything is done, when no password is to be had.
func (f passwordFlags) check(w world) error {
	if f.PasswordStdin && f.GeneratePassword {
		return usagef("choose one of --password-stdin and --generate-password")
	}
	if !f.PasswordStdin && !f.GeneratePassword && !w.interactive() {
		return usagef("no password: pipe it in with --password-stdin, or let one be made with --generate-password")
	}
	return nil
}

// read returns the password, and whether it was generated.
func (f passwordFlags) read(ctx context.Context, w world) (password string, generated bool, err error) {
	switch {
	case f.PasswordStdin:
		password, err = w.readSecret()
	case f.GeneratePassword:
		password, generated = credentials.GenerateSecret(), true
	default:
		password, err = w.promptTwice(ctx, "Password")
	}
	return password, generated, err
}

// printPassword prints the user, with the password if it was generated: alone on
// standard output, so that a script can take it.
func (f passwordFlags) printPassword(w world, out outputFlag, u storage.User, password string, generated bool) error {
	if !generated {
		return out.print(w, adminapi.UserOf(u), nothing)
	}
	v := struct {
		adminapi.User
		Password string `json:"password"`
	}{adminapi.UserOf(u), password}
	w.say("The password is shown only this once:")
	return out.print(w, v, func() string { return password + "\n" })
}

// readSecret reads all of standard input and drops one line break at its end.
func (w world) readSecret() (string, error) {
	b, err := io.ReadAll(io.LimitReader(w.stdin, maxSecret))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	s := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(s, "\r"), nil
}

// interactive reports whether somebody can be asked.
func (w world) interactive() bool { return term.IsTerminal(int(w.stdin.Fd())) }

// promptTwice asks for a secret and once more for the same, neither shown.
func (w world) promptTwice(ctx context.Context, what string) (string, error) {
	first, err := w.prompt(ctx, what+": ")
	if err != nil {
		return "", err
	}
	again, err := w.prompt(ctx, what+" again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two entries differ: start again")
	}
	return first, nil
}

// prompt reads one line without showing it. The terminal shows input again
// whichever way prompt ends, also when ctx ends it.
func (w world) prompt(ctx context.Context, text string) (string, error) {
	fd := int(w.stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("reading the terminal: %w", err)
	}
	fmt.Fprint(w.stderr, text)
	defer fmt.Fprintln(w.stderr) // the line break that was typed was not shown

	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a read of a terminal can't be cancelled; the process ends it
		line, err := term.ReadPassword(fd)
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		return string(a.line), a.err
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}
