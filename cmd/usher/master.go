package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// masterFlag names the file of the key that seals all others.
type masterFlag struct {
	MasterKeyFile *string `placeholder:"FILE" help:"File of the master key, which seals the signing keys (default: beside the embedded database, its name with .key added; made on first start)."`
}

// load reads the master key. It makes one where there is none and nothing is
// sealed yet; a second one beside sealed keys would lock them away for good.
func (f masterFlag) load(ctx context.Context, store *storage.Store, say func(slog.Level, string)) (*keys.Master, error) {
	path := store.Path()
	switch {
	case f.MasterKeyFile != nil:
		path = *f.MasterKeyFile
	case path != "":
		path += ".key"
	default:
		return nil, usagef("--master-key-file is needed with PostgreSQL, and all nodes need the same one: make it by usher key new-master FILE")
	}
	if path == "" {
		return nil, usagef("--master-key-file is empty: name a file, or leave it out for the one beside an embedded database")
	}
	master, err := readMaster(path, say)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, err
	}
	sealed, _, err := store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	if len(sealed) > 0 {
		return nil, fmt.Errorf("the master key file %s is missing, and the signing keys in %s can't be read without it: bring it back, or name it with --master-key-file; if it is lost for good, run usher key new-master %[1]s and then usher key rotate --now", path, store.Name())
	}
	if store.Path() == "" {
		return nil, fmt.Errorf("the master key file %s is missing: copy it from a node that runs, or make the first one by usher key new-master %[1]s", path)
	}
	switch err := writeMaster(path); {
	case errors.Is(err, fs.ErrExist): // another process was first
	case err != nil:
		return nil, err
	default:
		say(slog.LevelInfo, fmt.Sprintf("made the master key file %s: keep a copy of it, the signing keys can't be read without it", path))
	}
	return readMaster(path, say)
}

// otherMaster adds to an error about another master key what to give.
func otherMaster(err error) error {
	if errors.Is(err, keys.ErrOtherMaster) {
		return fmt.Errorf("%w (--master-key-file names the file, usher key rotate --now rotates at once)", err)
	}
	return err
}

// readMaster reads a master key file.
func readMaster(path string, say func(slog.Level, string)) (*keys.Master, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		say(slog.LevelWarn, fmt.Sprintf("other accounts of this machine can read the master key file %s: run chmod 600 on it", path))
	}
	master, err := keys.ReadMaster(f)
	if err != nil {
		return nil, fmt.Errorf("reading the master key file %s: %w: bring back a copy of the file", path, err)
	}
	return master, nil
}

// writeMaster makes a master key file. It never overwrites one, and when it
// returns nil the file survives a power cut.
func writeMaster(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("making the master key file: %w", err)
		}
	}()
	// A file of another name first, for a crash or a reader at the wrong moment
	// must not meet half a key; a link, because it fails where the name is taken.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, "# Master key of usher. Keep it secret, keep a copy: without it the signing keys are lost.\n"+keys.NewMasterLine()+"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
