package storage

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// walIndexHeader is the length of the first copy of the header of the wal-index, the
// file beside the write-ahead log that all connections of all processes share. Each
// commit counts up in it, and it holds the log's length and checksum too: it is what
// SQLite itself compares to learn of a commit (SQLite, "WAL-mode File Format",
// section 2.1).
const walIndexHeader = 48

// walIndex tells that something was committed by a look at the header, which takes
// one system call where PRAGMA data_version takes a statement: a twentieth of its
// time.
type walIndex struct {
	file *os.File
	mu   sync.Mutex
	seen [walIndexHeader]byte
}

// walIndexFiles are the wal-index files that this process reads, by name. None is
// ever closed: SQLite locks by fcntl, and whoever closes a file loses all locks of
// the process on it (fcntl(2)).
var walIndexFiles struct {
	sync.Mutex
	open []*os.File
}

// errNoWalIndex says that the header can't be read here.
var errNoWalIndex = errors.New("no wal-index to read")

// openWalIndex returns the wal-index of a database file that has a connection.
func openWalIndex(database string) (*walIndex, error) {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd": // where a file that is read and mapped is one
	default:
		return nil, errNoWalIndex
	}
	name := database + "-shm"
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	walIndexFiles.Lock()
	defer walIndexFiles.Unlock()
	for _, file := range walIndexFiles.open {
		if known, err := file.Stat(); err == nil && os.SameFile(known, info) {
			return &walIndex{file: file}, nil
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	walIndexFiles.open = append(walIndexFiles.open, file)
	return &walIndex{file: file}, nil
}

// changed reports whether the header is another than at the last call, and true the
// first time. A header that
// is being written is another, too; that costs its reader a look at the database and
// no more.
func (w *walIndex) changed() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var now [walIndexHeader]byte
	if _, err := w.file.ReadAt(now[:], 0); err != nil {
		return false, fmt.Errorf("reading the wal-index: %w", err)
	}
	moved := now != w.seen
	w.seen = now
	return moved, nil
}
