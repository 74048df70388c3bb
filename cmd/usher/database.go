package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/usher-oauth/usher/storage"
)

// migrate is `usher migrate`.
type migrate struct {
	DryRun bool `help:"Say what is to be done, and do nothing."`
	databaseFlag
	outputFlag
}

func (c *migrate) Run(ctx context.Context, w world) error {
	if c.DryRun {
		return c.plan(ctx, w)
	}
	return c.with(ctx, true, func(s *storage.Store) error {
		_, version, err := s.Migrate(ctx)
		if err != nil {
			return err
		}
		w.say("database %s: schema version %d, up to date", s.Name(), version)
		return c.print(w, struct {
			Version int64 `json:"version"`
		}{version}, nothing)
	})
}

// plan says what a migration would do.
func (c *migrate) plan(ctx context.Context, w world) error {
	if err := c.check(false); err != nil {
		return err
	}
	version, files, err := storage.Plan(ctx, c.Database)
	if err != nil {
		return err
	}
	w.say("schema version %d, migrations to come: %d", version, len(files))
	return c.print(w, struct {
		Version int64    `json:"version"`
		Pending []string `json:"pending"`
	}{version, append([]string{}, files...)}, func() string {
		rows := make([][]string, len(files))
		for i, file := range files {
			rows[i] = []string{file}
		}
		return table(rows...)
	})
}

// backup is `usher backup`.
type backup struct {
	File string `arg:"" help:"File to write; one that exists is left alone."`
	databaseFlag
}

func (c *backup) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		switch err := s.Backup(ctx, c.File); {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%s exists and is left alone: name another file", c.File)
		case err != nil:
			return err
		}
		w.say("copied %s to %s; a restore needs the master key file too, so keep a copy of both", s.Path(), c.File)
		return nil
	})
}
