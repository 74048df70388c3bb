package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/storage"
)

// userExport is `usher user export`.
type userExport struct {
	File       string `arg:"" help:"File to write, readable by its owner alone; one that exists is left alone. - is standard output."`
	Format     string `enum:"json,csv" default:"json" placeholder:"FORMAT" help:"Form of the file: json (lines) or csv (default: ${default})."`
	WithHashes bool   `help:"Also write the password hashes, which an import needs. Whoever has the file can guess at them."`
	databaseFlag
}

func (c *userExport) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		users, err := (&admin.Users{Store: s}).List(ctx)
		if err != nil {
			return err
		}
		write := admin.WriteUsers
		if c.Format == "csv" {
			write = admin.WriteUsersCSV
		}
		err = c.to(w, func(out io.Writer) error { return write(out, users, c.WithHashes) })
		if err != nil {
			return err
		}
		w.say("users exported: %d", len(users))
		return nil
	})
}

// to writes the whole file or none.
func (c *userExport) to(w world, write func(io.Writer) error) error {
	if c.File == "-" {
		return write(w.stdout)
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is left alone: name another file", c.File)
	}
	if err != nil {
		return err // names the file
	}
	out := bufio.NewWriter(f)
	err = write(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", c.File, err), os.Remove(c.File))
	}
	return nil
}
