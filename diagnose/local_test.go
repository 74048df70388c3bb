package diagnose_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage/storagetest"
)

func TestEveryFaultOfADatabaseIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		spoil      func(*testing.T, *site, *diagnose.Local)
		check      string
		status     diagnose.Status
		found, fix string
	}{
		{
			"no file", func(_ *testing.T, _ *site, l *diagnose.Local) { l.File += "x"; l.Database += "x" },
			"database", fails, "there is no file", "--database",
		},
		{
			"another file", func(t *testing.T, _ *site, l *diagnose.Local) {
				l.File = filepath.Join(t.TempDir(), "notes.txt")
				l.Database = "sqlite:" + l.File
				check(t, os.WriteFile(l.File, []byte(strings.Repeat("not a database. ", 100)), 0o600))
			},
			"database", fails, "not a database", "--database",
		},
		{
			"a schema of before", func(t *testing.T, _ *site, l *diagnose.Local) {
				l.File = filepath.Join(t.TempDir(), "usher.db")
				l.Database = "sqlite:" + l.File
				check(t, os.WriteFile(l.File, nil, 0o600))
			},
			"schema", fails, "the schema is older", "usher migrate",
		},
		{
			"a schema of a later version", func(t *testing.T, s *site, _ *diagnose.Local) {
				s.exec(t, `INSERT INTO settings (name, value) VALUES ('oldest_schema', 999999)`)
			},
			"schema", fails, "a newer usher", "that version",
		},
		{
			"a database for all to read", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, os.Chmod(s.database, 0o644)) },
			"database files", fails, "(mode 0644)", "chmod 600",
		},
		{
			"a log for all to read", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, os.Chmod(s.database+"-wal", 0o640)) },
			"database files", fails, "usher.db-wal (mode 0640)", "chmod 600",
		},
		{
			"no master key file", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, os.Remove(s.masterKey)) },
			"master key", fails, "there is no file", "usher key new-master",
		},
		{
			"a master key for all to read", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, os.Chmod(s.masterKey, 0o604)) },
			"master key", fails, "(mode 0604)", "chmod 600",
		},
		{
			"another file as master key", func(t *testing.T, s *site, _ *diagnose.Local) {
				check(t, os.WriteFile(s.masterKey, []byte("secret stuff\n"), 0o600))
			},
			"master key", fails, "is no master key file: line 1", "bring back the right one",
		},
		{
			"another master key", func(t *testing.T, s *site, _ *diagnose.Local) {
				check(t, os.WriteFile(s.masterKey, []byte(keys.NewMasterLine()+"\n"), 0o600))
			},
			"master key", fails, "is not the one that sealed the signing keys", "beneath the first",
		},
		{
			"a folder as master key", func(t *testing.T, s *site, l *diagnose.Local) { l.MasterKeyFile = t.TempDir() },
			"master key", fails, "is no master key file", "bring back",
		},
		{
			"no signing key", func(t *testing.T, s *site, _ *diagnose.Local) { s.exec(t, `DELETE FROM signing_keys`) },
			"signing key", fails, "no key signs", "usher key rotate",
		},
		{
			"a clock that jumped back", func(t *testing.T, s *site, _ *diagnose.Local) {
				s.exec(t, `UPDATE signing_keys SET signs_from = signs_from + 7200000`)
			},
			"signing key", fails, "is announced and signs in", "clock",
		},
		{
			"nobody", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, s.users.Remove(t.Context(), "ann")) },
			"users", warns, "nobody can log in", "usher user add",
		},
		{
			"nobody who may", func(t *testing.T, s *site, _ *diagnose.Local) {
				check(t, s.store.ChangeUser(t.Context(), "ann", storagetest.DisableUser))
			},
			"users", warns, "all 1 are disabled", "usher user enable",
		},
		{
			"no client", func(t *testing.T, s *site, _ *diagnose.Local) { check(t, s.clients.Remove(t.Context(), "web")) },
			"clients", warns, "nothing can ask for tokens", "usher client add",
		},
		{
			"no client that may", func(t *testing.T, s *site, _ *diagnose.Local) {
				check(t, s.store.ChangeClient(t.Context(), "web", storagetest.DisableClient))
			},
			"clients", warns, "none of the 1 may ask", "usher client enable",
		},
		{
			"no such default client", func(_ *testing.T, _ *site, l *diagnose.Local) { l.DefaultClient = "app" },
			"default client", fails, "there is no client app", "usher client add app --public",
		},
		{
			"a default client with a secret", func(t *testing.T, s *site, l *diagnose.Local) {
				l.DefaultClient = "api"
				s.addClient(t, admin.NewClient{ID: "api", Grants: []string{"client_credentials"}})
			},
			"default client", fails, "has a secret", "public client",
		},
		{
			"a disabled default client", func(t *testing.T, s *site, l *diagnose.Local) {
				l.DefaultClient = "app"
				s.addClient(t, admin.NewClient{ID: "app", Public: true, Grants: []string{"password"}})
				check(t, s.store.ChangeClient(t.Context(), "app", storagetest.DisableClient))
			},
			"default client", fails, "client app is disabled", "usher client enable app",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			l := diagnose.Local{Database: "sqlite:" + s.database, File: s.database, MasterKeyFile: s.masterKey}
			tt.spoil(t, s, &l)
			findings, _ := l.Examine(t.Context())
			expectFault(t, findings, only(tt.check), tt.status, tt.found, tt.fix)
		})
	}
}

// exec changes the database behind the server's back.
func (s *site) exec(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.database)
	check(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	check(t, err)
}

func (s *site) addClient(t *testing.T, c admin.NewClient) (secret string) {
	t.Helper()
	_, secret, err := s.clients.Add(t.Context(), c, "")
	check(t, err)
	return secret
}

func TestALookAtADatabaseTellsWhatComesNext(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, err := s.keys.List(t.Context())
	check(t, err)
	next, err := s.keys.Rotate(t.Context(), keys.RS256)
	check(t, err)
	findings, signing := diagnose.Local{Database: "sqlite:" + s.database, File: s.database, MasterKeyFile: s.masterKey}.Examine(t.Context())
	if signing != first[0].ID {
		t.Errorf("got the signing key %q, want %q", signing, first[0].ID)
	}
	for _, f := range findings {
		if f.Check == "signing key" {
			for _, want := range []string{signing + " (ES256) signs since", next.ID + " is announced and signs in 5 minutes"} {
				if !strings.Contains(f.Found, want) {
					t.Errorf("got %q, want %q in it", f.Found, want)
				}
			}
			return
		}
	}
	t.Errorf("got %+v, want one about the signing key", findings)
}

func TestALookChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before, err := os.ReadFile(s.database)
	check(t, err)
	names := entries(t, filepath.Dir(s.database))
	check(t, os.Remove(s.masterKey))
	diagnose.Local{Database: "sqlite:" + s.database, File: s.database, MasterKeyFile: s.masterKey}.Examine(t.Context())
	after, err := os.ReadFile(s.database)
	check(t, err)
	if string(before) != string(after) {
		t.Error("the database is another one")
	}
	if got, want := entries(t, filepath.Dir(s.database)), strings.Replace(names, "usher.db.key ", "", 1); got != want {
		t.Errorf("got the files %q, want %q", got, want)
	}
	if _, err := s.store.Versions(t.Context()); err != nil {
		t.Error(err)
	}
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	check(t, err)
	var names string
	for _, e := range list {
		names += e.Name() + " "
	}
	return names
}
