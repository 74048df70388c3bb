package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

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
	SetScopes(ctx context.Context, name string, scopes []string) error
	Disable(ctx context.Context, name string) error
	Enable(ctx context.Context, name string) error
	Remove(ctx context.Context, name string) error
}

type clientDesk interface {
	Add(ctx context.Context, n admin.NewClient, secret string) (storage.Client, string, error)
	Show(ctx context.Context, id string) (storage.Client, error)
	List(ctx context.Context) ([]storage.Client, error)
	RotateSecret(ctx context.Context, id, secret string, keepOld time.Duration) (storage.Client, string, error)
	Disable(ctx context.Context, id string) error
	Enable(ctx context.Context, id string) error
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
	if f.TokenFile != "" {
		return usagef("--token-file is for --server: name a server too, or leave it out")
	}
	return f.use(ctx, create, func(s *storage.Store) error {
		return do(office{
			users:   &admin.Users{Store: s, Pool: pool},
			clients: &admin.Clients{Store: s, Secrets: credentials.NewSecrets(pool)},
			tokens:  &admin.Tokens{Store: s},
		})
	})
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
	text, err := os.ReadFile(path)
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
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
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
	return keyFlags{f.databaseFlag, f.masterFlag}.withKeys(ctx, w, false, func(ks *admin.Keys) error { return do(keysHere{ks}) })
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
