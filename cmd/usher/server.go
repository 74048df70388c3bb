package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminclient"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// office is where an operator's changes are made: in the database, or at a server
// that has it.
type office struct {
	users   userDesk
	clients clientDesk
	tokens  tokenDesk
	keys    keyDesk // nil where the master key was not asked for
}

type userDesk interface {
	Add(ctx context.Context, n admin.NewUser, password string) (storage.User, error)
	Show(ctx context.Context, name string) (storage.User, error)
	List(ctx context.Context) ([]storage.User, error)
	SetPassword(ctx context.Context, name, password string) error
	Change(ctx context.Context, name string, change admin.UserChange) (storage.User, error)
	Remove(ctx context.Context, name string) error
}

type clientDesk interface {
	Add(ctx context.Context, n admin.NewClient, secret string) (storage.Client, string, error)
	Show(ctx context.Context, id string) (storage.Client, error)
	List(ctx context.Context) ([]storage.Client, error)
	RotateSecret(ctx context.Context, id, secret string, keepOld time.Duration) (storage.Client, string, error)
	Change(ctx context.Context, id string, change admin.ClientChange) (storage.Client, error)
	Remove(ctx context.Context, id string) error
}

type tokenDesk interface {
	RevokeUser(ctx context.Context, name string) error
	RevokeClient(ctx context.Context, id string) error
	RevokeAll(ctx context.Context) (clients int, err error)
}

type keyDesk interface {
	List(ctx context.Context) ([]admin.KeyStatus, error)
	Rotate(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error)
	RotateNow(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error)
	RotateForAudiences(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error)
	Retire(ctx context.Context, id string) error
}

// officeFlags say where a command works.
type officeFlags struct {
	Server    string `placeholder:"URL" help:"Work at a running server, by its admin API, in place of a database; the access token is in --token-file or USHER_TOKEN, or is got with USHER_CLIENT_ID and USHER_CLIENT_SECRET."`
	TokenFile string `placeholder:"FILE" help:"File of the access token for --server; - is standard input."`
	databaseFlag
}

// in calls do where the command works. create lets it make a database that is
// missing; pool, which may be nil, hashes what a database is to hold.
func (f officeFlags) in(ctx context.Context, create bool, pool *credentials.Pool, do func(office) error) error {
	if f.Server != "" {
		o, err := f.remote()
		if err != nil {
			return err
		}
		return do(o)
	}
	if err := f.local(); err != nil {
		return err
	}
	return f.use(ctx, create, func(s *storage.Store) error {
		return do(office{
			users:   &admin.Users{Store: s, Pool: pool},
			clients: &admin.Clients{Store: s, Secrets: credentials.NewSecrets(pool)},
			tokens:  &admin.Tokens{Store: s},
		})
	})
}

// local refuses what means nothing at a database.
func (f officeFlags) local() error {
	if f.TokenFile != "" {
		return usagef("--token-file is for --server: name a server too, or leave it out")
	}
	return nil
}

// oneOffice refuses a command line that says in two ways where to work: whoever names a
// database must not change what a variable names.
func oneOffice(command *kong.Context) error {
	server, stdin := flagValue(command, "server"), 0
	for _, step := range command.Path {
		if step.Flag == nil {
			continue
		}
		switch name := step.Flag.Name; {
		case server != "" && (name == "database" || name == "master-key-file"):
			return usagef("--%s is of a database, and --server or USHER_SERVER names a server: leave one of them out", name)
		case name == "token-file" && flagValue(command, name) == "-", name == "password-stdin", name == "secret-stdin":
			stdin++
		}
	}
	if stdin > 1 {
		return usagef("the token and a secret can't both come from standard input: put one of them elsewhere")
	}
	return nil
}

// flagValue is what a flag of text has in the end, empty where the command has none.
func flagValue(command *kong.Context, name string) string {
	for _, flag := range command.Flags() {
		if flag.Name == name {
			return fmt.Sprint(flag.Target.Interface())
		}
	}
	return ""
}

// remote is the office at the server.
func (f officeFlags) remote() (office, error) {
	if err := checkServer(f.Server); err != nil {
		return office{}, err
	}
	tokens, err := f.accessTokens()
	if err != nil {
		return office{}, err
	}
	c := adminclient.New(f.Server, tokens)
	return office{adminclient.Users{Client: c}, adminclient.Clients{Client: c}, adminclient.Revocations{Client: c}, adminclient.Keys{Client: c}}, nil
}

// The variables that give a command what it needs at a server. They are no flags,
// for those are seen by every process of the machine.
const (
	tokenVariable  = "USHER_TOKEN"
	idVariable     = "USHER_CLIENT_ID"
	secretVariable = "USHER_CLIENT_SECRET"
)

// accessTokens says where access tokens come from: a file, a variable, or the server.
func (f officeFlags) accessTokens() (adminclient.Tokens, error) {
	token, id, secret := os.Getenv(tokenVariable), os.Getenv(idVariable), os.Getenv(secretVariable)
	switch {
	case f.TokenFile != "":
		text, err := readToken(f.TokenFile)
		if err == nil && text == "" {
			err = fmt.Errorf("the token file %s is empty", f.TokenFile)
		}
		return adminclient.FixedToken(text), err
	case token != "":
		return adminclient.FixedToken(token), nil
	case id != "" && secret != "":
		return adminclient.NewCredentials(f.Server, id, secret), nil
	}
	return nil, usagef("no access token for --server: name a file with --token-file, or set %s, or set %s and %s", tokenVariable, idVariable, secretVariable)
}

// readToken reads a token from a file, without white space around it.
func readToken(path string) (string, error) {
	read := func() ([]byte, error) { return os.ReadFile(path) }
	if path == "-" {
		read = func() ([]byte, error) { return io.ReadAll(os.Stdin) }
	}
	text, err := read()
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// checkServer refuses a URL that would send tokens and passwords in the clear.
func checkServer(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return usagef("--server: write it as https://HOST or https://HOST/PATH")
	case u.User != nil:
		return usagef("--server: take the user name and password out of the URL")
	case u.Scheme == "http" && (!isLoopback(u.Hostname()) || strings.HasSuffix(u.Hostname(), ".localhost")):
		return fmt.Errorf("--server %q: tokens and passwords would travel in the clear: use https", s)
	}
	return nil
}

// keyOffice is an office that also has the signing keys.
type keyOffice struct {
	masterFlag
	officeFlags
}

// in is in of officeFlags, and opens the master key where it opens a database.
func (f keyOffice) in(ctx context.Context, w world, do func(keyDesk) error) error {
	if f.Server != "" {
		o, err := f.remote()
		if err != nil {
			return err
		}
		return do(o.keys)
	}
	if err := f.local(); err != nil {
		return err
	}
	return f.use(ctx, false, func(s *storage.Store) error {
		return keyFlags{f.databaseFlag, f.masterFlag}.keysOf(ctx, w, s, func(ks *admin.Keys) error { return do(keysHere{ks}) })
	})
}

// keysHere are the keys of a database. A key that was just made is shown as List
// would show it.
type keysHere struct{ *admin.Keys }

func (k keysHere) Rotate(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.status(k.Keys.Rotate(ctx, alg))
}

func (k keysHere) RotateNow(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.status(k.Keys.RotateNow(ctx, alg))
}

func (k keysHere) RotateForAudiences(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.status(k.Keys.RotateForAudiences(ctx, alg))
}

func (k keysHere) status(made keys.Key, err error) (admin.KeyStatus, error) {
	if err != nil {
		return admin.KeyStatus{}, err
	}
	return k.Status(made), nil
}
