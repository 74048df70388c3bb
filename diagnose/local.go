package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Local says which database to examine, and what belongs to it.
type Local struct {
	Database string // as storage.Open takes it
	File     string // of an embedded database, empty for a server

	MasterKeyFile string // empty: not known, and not looked at
	DefaultClient string // empty: none is meant
}

// local is one run over a database.
type local struct {
	Local
	store *storage.Store
	report

	signing string // id of the key that signs
}

// Examine looks into the database and at the files beside it, and returns a finding
// for each check and the id of the key that signs, empty where none does. It changes
// nothing and leaves an old schema as it is; only a database that is quite empty gets
// the table of versions by which it is known to be.
func (l Local) Examine(ctx context.Context) (findings []Finding, signing string) {
	e := &local{Local: l}
	if !e.open(ctx) {
		return e.findings, ""
	}
	defer e.store.Close()
	if e.File != "" {
		e.examineFiles()
	}
	e.examineKeys(ctx)
	e.examineUsers(ctx)
	e.examineClients(ctx)
	return e.findings, e.signing
}

// open opens the database, unless something is wrong with it.
func (e *local) open(ctx context.Context) bool {
	const check = "database"
	if e.File != "" {
		if _, err := os.Stat(e.File); errors.Is(err, fs.ErrNotExist) {
			e.fail(check, "there is no file "+plain(e.File), "name the file with --database sqlite:PATH, or run usher serve, which makes it")
			return false
		}
	}
	var err error
	e.store, err = storage.Open(ctx, e.Database, storage.Options{})
	switch {
	case errors.Is(err, storage.ErrSchema):
		e.fail("schema", "the schema is older than this usher", "usher backup, then usher migrate, or restart usher serve without --no-migrate")
		return false
	case errors.Is(err, storage.ErrNewer):
		e.fail("schema", "a newer usher changed the database beyond what this one understands", "use that version, or restore the backup from before it")
		return false
	case errors.Is(err, fs.ErrPermission):
		e.fail(check, "this account may not read "+plain(e.File), "run the command as the account that runs the server")
		return false
	case err != nil:
		e.fail(check, plain(err.Error()), "check --database; for a file, that it is usher's and its disk is there; for a server, that it runs and takes this account")
		return false
	}
	e.ok(check, "%s", plain(e.store.Name()))
	e.ok("schema", "up to date")
	return true
}

// examineFiles checks that the database is this account's alone.
func (e *local) examineFiles() {
	const check = "database files"
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(e.File + suffix)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			e.fail(check, fmt.Sprintf("other accounts of this machine can read or write %s (mode %04o)", plain(e.File+suffix), info.Mode().Perm()), "chmod 600 "+plain(e.File)+"*")
			return
		}
	}
	e.ok(check, "only the account they belong to can read and write them")
}

// examineKeys checks the master key file, and by it the signing keys.
func (e *local) examineKeys(ctx context.Context) {
	if e.MasterKeyFile == "" {
		e.skip("master key", "no file is named: give --master-key-file to have the signing keys looked at")
		return
	}
	master := e.examineMaster()
	if master == nil {
		return
	}
	const check = "signing key"
	list, err := (&admin.Keys{Store: e.store, Master: master}).List(ctx)
	switch {
	case errors.Is(err, keys.ErrOtherMaster):
		e.fail("master key", fmt.Sprintf("%s is not the one that sealed the signing keys", plain(e.MasterKeyFile)),
			"bring back the right file, or put its line beneath the first; if it is lost, usher key rotate --now begins anew")
		return
	case err != nil:
		e.fail(check, plain(err.Error()), "restore the database from a backup, or begin anew with usher key rotate --now")
		return
	}
	var next string
	var signs *admin.KeyStatus
	for i, k := range list {
		switch k.State {
		case keys.Signing:
			signs = &list[i]
		case keys.Announced:
			next = fmt.Sprintf("; %s is announced and signs %s (%s)", k.ID, relative(k.SignsFrom, e.store.Now()), stamp(k.SignsFrom))
		}
	}
	if signs == nil {
		fix := "usher serve makes one at its start, and so does usher key rotate"
		if next != "" {
			fix = "put the clock of this machine right; if it is, usher key rotate --now"
		}
		e.fail(check, "no key signs"+next, fix)
		return
	}
	e.signing = signs.ID
	if next == "" {
		next = "; no rotation is planned"
	}
	e.ok(check, "%s (%s) signs since %s%s", signs.ID, signs.Algorithm, stamp(signs.SignsFrom), next)
}

// examineMaster reads the master key file. It is nil where that can't be read.
func (e *local) examineMaster() *keys.Master {
	const check = "master key"
	file := plain(e.MasterKeyFile)
	f, err := os.Open(e.MasterKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.fail(check, fmt.Sprintf("there is no file %s, and the signing keys can't be read without it", file), "bring it back, or name it with --master-key-file; if it is lost: usher key new-master, then usher key rotate --now")
		return nil
	case errors.Is(err, fs.ErrPermission):
		e.fail(check, fmt.Sprintf("this account may not read %s", file), "let it belong to the account that runs the server, with mode 0600")
		return nil
	case err != nil:
		e.fail(check, fmt.Sprintf("%s can't be read: %s", file, plain(cause(err))), "look at the disk and the path")
		return nil
	}
	defer f.Close()
	master, err := keys.ReadMaster(f)
	if err != nil {
		e.fail(check, fmt.Sprintf("%s is no master key file: %s", file, plain(strings.TrimPrefix(err.Error(), "reading master key: "))), "bring back the right one from where its copy is kept")
		return nil
	}
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		e.fail(check, fmt.Sprintf("other accounts of this machine can read %s (mode %04o)", file, info.Mode().Perm()), "chmod 600 "+file+", and rotate it if others had an account")
		return master
	}
	e.ok(check, "%s, readable by its owner alone", file)
	return master
}

func (e *local) examineUsers(ctx context.Context) {
	const check = "users"
	users, err := e.store.Users(ctx)
	if err != nil {
		e.fail(check, plain(err.Error()), "restore the database from a backup")
		return
	}
	active := 0
	for _, u := range users {
		if !u.Disabled {
			active++
		}
	}
	switch {
	case len(users) == 0:
		e.warn(check, "there are none, so nobody can log in", "usher user add NAME, or usher user import FILE")
	case active == 0:
		e.warn(check, fmt.Sprintf("all %d are disabled, so nobody can log in", len(users)), "usher user enable NAME")
	default:
		e.ok(check, "%d, of whom %d may log in", len(users), active)
	}
}

func (e *local) examineClients(ctx context.Context) {
	const check = "clients"
	clients, err := e.store.Clients(ctx)
	if err != nil {
		e.fail(check, plain(err.Error()), "restore the database from a backup")
		return
	}
	active := 0
	for _, c := range clients {
		if !c.Disabled && len(c.Grants) > 0 {
			active++
		}
	}
	switch {
	case len(clients) == 0:
		e.warn(check, "there are none, so nothing can ask for tokens", "usher client add ID --public --grants password,refresh_token")
	case active == 0:
		e.warn(check, fmt.Sprintf("none of the %d may ask for tokens: disabled, or only there to introspect", len(clients)), "usher client enable ID, or usher client add")
	default:
		e.ok(check, "%d, of which %d may ask for tokens", len(clients), active)
	}
	if e.DefaultClient != "" {
		e.examineDefaultClient(ctx)
	}
}

func (e *local) examineDefaultClient(ctx context.Context) {
	const check = "default client"
	name := plain(e.DefaultClient)
	c, err := e.store.Client(ctx, e.DefaultClient)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		e.fail(check, fmt.Sprintf("there is no client %s", name), fmt.Sprintf("usher client add %s --public --grants password,refresh_token", name))
	case err != nil:
		e.fail(check, plain(err.Error()), "restore the database from a backup")
	case !c.Public:
		e.fail(check, fmt.Sprintf("client %s has a secret, so it can't stand in for requests that name none", name), "name a public client with --default-client, or remove this one and add it with --public")
	case c.Disabled:
		e.fail(check, fmt.Sprintf("client %s is disabled", name), "usher client enable "+name)
	case len(c.Grants) == 0:
		e.fail(check, fmt.Sprintf("client %s has no grant, so it gets no token", name), fmt.Sprintf("remove it, then usher client add %s --public --grants password,refresh_token", name))
	default:
		e.ok(check, "%s is public, and has %s", name, strings.Join(c.Grants, " "))
	}
}
