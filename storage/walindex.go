//go:build linux || darwin || freebsd

package storage

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// walIndexHeader is the first copy of the header of the wal-index, the file beside the
// write-ahead log that all connections of all processes share. Each commit counts up in
// it, and it holds the log's length and checksum too: it is what SQLite itself compares
// to learn of a commit (SQLite, "WAL-mode File Format", section 2.1).
type walIndexHeader [12]uint32

// walIndex tells that something was committed by a look at the header, mapped as SQLite
// maps it: no system call, and a hundredth of the time of PRAGMA data_version.
type walIndex struct {
	shared *walIndexHeader
	mu     sync.Mutex
	seen   walIndexHeader
}

// walIndexes are the headers that this process has mapped. None of the files is ever
// closed: SQLite locks by fcntl, and whoever closes a file loses all locks of the
// process on it (fcntl(2)).
var walIndexes struct {
	sync.Mutex
	open []mappedWalIndex
}

type mappedWalIndex struct {
	file   *os.File
	header *walIndexHeader // nil where it can't be mapped
}

// openWalIndex returns the wal-index of a database file that has a connection, and
// keeps it: SQLite then neither shortens the file nor makes another.
func openWalIndex(database string) (*walIndex, error) {
	name := database + "-shm"
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	walIndexes.Lock()
	defer walIndexes.Unlock()
	for _, known := range walIndexes.open {
		if other, err := known.file.Stat(); err == nil && os.SameFile(other, info) {
			return known.index()
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	mapped := mappedWalIndex{file: file}
	if info.Size() >= int64(unsafe.Sizeof(walIndexHeader{})) {
		page, err := syscall.Mmap(int(file.Fd()), 0, os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED)
		if err == nil {
			mapped.header = (*walIndexHeader)(unsafe.Pointer(&page[0])) // a page begins where anything may
		}
	}
	walIndexes.open = append(walIndexes.open, mapped)
	return mapped.index()
}

func (m mappedWalIndex) index() (*walIndex, error) {
	if m.header == nil {
		return nil, errors.ErrUnsupported
	}
	return &walIndex{shared: m.header}, nil
}

// changed reports whether the header is another than at the last call, and true the
// first time. A header that is being written is another, too; that costs its reader a
// look at the database and no more.
func (w *walIndex) changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	moved := false
	for i := range w.shared {
		now := atomic.LoadUint32(&w.shared[i])
		moved = moved || now != w.seen[i]
		w.seen[i] = now
	}
	return moved
}
