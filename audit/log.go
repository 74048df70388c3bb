package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Log writes records as lines of JSON. It is safe for concurrent use, also by
// several processes on one file: a line is written at once, to the end.
// A nil *Log writes nothing.
type Log struct {
	mu     sync.Mutex
	path   string // "" where it is not a file of its own
	out    io.Writer
	file   *os.File
	failed func(error)
}

// Open returns a log that appends to the file at path, which is made with mode 0600
// where it is missing, or writes to standard where path is "-". failed is told when a
// line could not be written; the request it is about goes on.
func Open(path string, standard io.Writer, failed func(error)) (*Log, error) {
	l := &Log{failed: failed, out: standard}
	if path == "-" {
		return l, nil
	}
	l.path = path
	return l, l.Reopen()
}

// Reopen opens the file anew, for it may have been moved away to make room.
func (l *Log) Reopen() error {
	if l == nil || l.path == "" {
		return nil
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	l.mu.Lock()
	old := l.file
	l.file, l.out = file, file
	l.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

// Write adds the line of a record that has an event.
func (l *Log) Write(now time.Time, r *Record) {
	if l == nil || r.Event == "" {
		return
	}
	line, err := encode(now, r)
	if err != nil {
		l.failed(err)
		return
	}
	l.mu.Lock()
	_, err = l.out.Write(line)
	l.mu.Unlock()
	if err != nil {
		l.failed(fmt.Errorf("writing the audit log: %w", err))
	}
}

// Close closes the file.
func (l *Log) Close() error {
	if l == nil || l.file == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// moment is how times are written: UTC, to the millisecond (RFC 3339).
const moment = "2006-01-02T15:04:05.000Z"

func encode(now time.Time, r *Record) ([]byte, error) {
	line, err := json.Marshal(struct {
		Time string `json:"time"`
		*Record
	}{now.UTC().Format(moment), r})
	if err != nil {
		return nil, fmt.Errorf("encoding an audit record: %w", err)
	}
	return append(line, '\n'), nil
}
