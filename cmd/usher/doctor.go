package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/url"
	"strings"

	"github.com/usher-oauth/usher/diagnose"
)

// doctor is `usher doctor`.
type doctor struct {
	URL      string `arg:"" optional:"" default:"http://127.0.0.1:8000" help:"Issuer to examine, as clients write it (default: ${default})."`
	Origin   string `placeholder:"ORIGIN" help:"Check that pages of this origin may call, such as https://app.example.com."`
	Audience string `placeholder:"URI" help:"Check that this is the audience of tokens asked for without one."`
	Resource string `placeholder:"URL" help:"Check that the API at this URL refuses requests without a token, and names this issuer."`
	belongings
	DefaultClient string `placeholder:"ID" help:"With --database, check that this client can be the default one."`
	outputFlag
}

// belongings are a database and its master key file. Unlike with commands that work
// on a database, there is none unless it is named.
type belongings struct {
	Database string `placeholder:"URL" help:"Look into this database too, written sqlite:PATH or postgres://USER@HOST/NAME (default: none)."`
	masterFlag
}

// masterFile is where the master key of the database should be, as far as that is
// known.
func (b belongings) masterFile() string {
	switch path := databasePath(b.Database); {
	case b.MasterKeyFile != nil:
		return *b.MasterKeyFile
	case path != "":
		return path + ".key"
	}
	return ""
}

func (c *doctor) check() error {
	if err := diagnose.CheckURL(c.URL); err != nil {
		return usagef("<url>: %w", err)
	}
	if c.Resource != "" {
		if err := diagnose.CheckURL(c.Resource); err != nil {
			return usagef("--resource: %w", err)
		}
	}
	if c.Origin != "" {
		if u, err := url.Parse(c.Origin); err != nil || u.Host == "" || u.Scheme+"://"+u.Host != c.Origin {
			return usagef("--origin %q: write an origin as https://HOST or https://HOST:PORT, without a slash at the end", c.Origin)
		}
	}
	switch {
	case c.Database != "":
		return checkDatabase(c.Database)
	case c.DefaultClient != "" || c.MasterKeyFile != nil:
		return usagef("--default-client and --master-key-file are looked at with --database: name that too")
	}
	return nil
}

func (c *doctor) Run(ctx context.Context, w world) error {
	if err := c.check(); err != nil {
		return err
	}
	log.SetOutput(io.Discard) // where net/http complains of servers that are none; the findings say it better
	var findings []diagnose.Finding
	issuer := diagnose.Issuer{URL: c.URL, Origin: c.Origin, Audience: c.Audience, Resource: c.Resource}
	if c.Database != "" {
		findings, issuer.SigningKey = diagnose.Local{
			Database: c.Database, File: databasePath(c.Database),
			MasterKeyFile: c.masterFile(), DefaultClient: c.DefaultClient,
		}.Examine(ctx)
	}
	findings = append(findings, issuer.Examine(ctx)...)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.print(w, findings, func() string { return findingsTable(findings) }); err != nil {
		return err
	}
	if failed := diagnose.Failed(findings); len(failed) > 0 {
		return fmt.Errorf("%d of %d checks failed: %s", len(failed), len(findings), strings.Join(failed, ", "))
	}
	return nil
}

// findingsTable shows one line for each check, and one more for its fix.
func findingsTable(findings []diagnose.Finding) string {
	var rows [][]string
	for _, f := range findings {
		status := string(f.Status)
		if f.Status == diagnose.Fail {
			status = "FAIL"
		}
		rows = append(rows, []string{status, f.Check, f.Found})
		if f.Fix != "" {
			rows = append(rows, []string{"", "", "fix: " + f.Fix})
		}
	}
	return table(rows...)
}
