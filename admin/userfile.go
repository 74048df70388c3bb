package admin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/usher-oauth/usher/credentials"
)

// ParseUsers reads users to import, in any of three forms, which it tells apart
// by their content:
//
//	[{"username": "ann", …}, {"username": "bob", …}]     an array
//	{"ann": {"full_name": "Ann", …}, "bob": {…}}         an object keyed by username
//	{"username": "ann", …} {"username": "bob", …}        objects, as a rule one a line
//
// Members of a user are username, email, full_name, disabled, scopes (an array,
// or one string with spaces), and either password or hashed_password (bcrypt).
// null, and an empty password, count as absent. Whatever else is found is an
// error, as is a user who breaks a rule or comes twice; its one line begins
// with where the offender stands (line, and index from 0) and username.
func ParseUsers(r io.Reader) ([]ImportedUser, error) {
	f, form, err := openUserFile(r)
	if err != nil {
		return nil, err
	}
	switch form {
	case formArray:
		err = f.array()
	case formKeyed:
		err = f.keyed()
	default:
		err = f.stream()
	}
	if err != nil {
		return nil, err
	}
	return f.users, nil
}

// openUserFile looks at the beginning of a file of JSON, which must not be empty.
func openUserFile(r io.Reader) (*userFile, userForm, error) {
	in := withoutMark(r)
	head, err := in.Peek(peekBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("reading users: %w", err)
	}
	form := formOf(head)
	if form == formNothing {
		return nil, 0, errNoUsers
	}
	lines := &lineCounter{r: in, line: 1}
	return &userFile{lines: lines, dec: json.NewDecoder(lines)}, form, nil
}

var errNoUsers = refuse(ErrRefused, "no users: the input is empty")

// withoutMark is r without the byte order mark that it may begin with.
func withoutMark(r io.Reader) *bufio.Reader {
	in := bufio.NewReaderSize(r, peekBytes)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // does not fail: these bytes are buffered
	}
	return in
}

const (
	byteOrderMark = "\ufeff" // which some editors put first; RFC 8259 §8.1 lets us skip it
	peekBytes     = 64 << 10 // how far the form must show
)

type userForm int

const (
	formNothing userForm = iota
	formArray
	formKeyed
	formStream
)

// formOf tells the form from its first tokens. No member of a user is an
// object, so an object whose first member is one is keyed by username.
func formOf(head []byte) userForm {
	dec := json.NewDecoder(bytes.NewReader(head))
	first, err := dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return formNothing
	case first == json.Delim('['):
		return formArray
	case first != json.Delim('{'):
		return formStream
	}
	if key, _ := dec.Token(); key == json.Delim('}') {
		return formStream
	}
	if value, _ := dec.Token(); value == json.Delim('{') {
		return formKeyed
	}
	return formStream
}

// userFile is the state of reading one file.
type userFile struct {
	lines *lineCounter
	dec   *json.Decoder
	userSet
}

// userSet is the users read so far.
type userSet struct {
	users []ImportedUser
	seen  map[string]origin // by canonical username
}

func (f *userFile) array() error {
	return f.elements(func(index int) error {
		return f.record(index, nil)
	})
}

func (f *userFile) keyed() error {
	return f.elements(func(index int) error {
		token, err := f.dec.Token()
		if err != nil {
			return f.broken(err)
		}
		key, _ := token.(string) // the decoder takes nothing else before a colon
		return f.record(index, &key)
	})
}

// elements reads an array or object, its brackets, and the end of the file.
func (f *userFile) elements(read func(index int) error) error {
	if _, err := f.dec.Token(); err != nil {
		return f.broken(err)
	}
	for index := 0; f.dec.More(); index++ {
		if err := read(index); err != nil {
			return err
		}
	}
	if _, err := f.dec.Token(); err != nil {
		return f.broken(err)
	}
	if _, err := f.dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(ErrRefused, "line %d: there is more after the end of the users", f.line())
	}
	return nil
}

// stream reads one object after another.
func (f *userFile) stream() error {
	for {
		err := f.record(noIndex, nil)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// record reads the next user, who in an object has a key. At the end of a
// stream it is io.EOF.
func (f *userFile) record(index int, key *string) error {
	var raw json.RawMessage
	err := f.dec.Decode(&raw)
	if errors.Is(err, io.EOF) && index == noIndex {
		return io.EOF
	}
	if err != nil {
		return f.broken(err)
	}
	from := origin{f.lines.at(f.dec.InputOffset() - int64(len(raw))), index}
	u := ImportedUser{from: from}
	err = u.decode(raw)
	name := u.Username // as it is written, for people
	if key != nil {
		name = *key
	}
	if err == nil && key != nil {
		err = u.key(*key)
	}
	if err == nil {
		err = f.add(u)
	}
	if err != nil {
		return offender(from, name, err)
	}
	return nil
}

// add takes a user in who obeys the rules and is not there yet.
func (s *userSet) add(u ImportedUser) error {
	if err := u.check(); err != nil {
		return err
	}
	if before, ok := s.seen[u.Username]; ok {
		return refuse(ErrRefused, "same user as %q at %v: keep one of them", u.Username, before)
	}
	if s.seen == nil {
		s.seen = make(map[string]origin)
	}
	s.seen[u.Username] = u.from
	s.users = append(s.users, u)
	return nil
}

// key sets or confirms the username of a user who is filed under one.
func (u *ImportedUser) key(key string) error {
	if u.Username == "" {
		u.Username = key
		return nil
	}
	outer, err := credentials.Username(key)
	if err != nil {
		return err
	}
	if inner, err := credentials.Username(u.Username); err != nil || inner != outer {
		return refuse(ErrRefused, "its username is %q: make the two the same, or leave the inner one out", u.Username)
	}
	return nil
}

// broken tells an error of the JSON decoder.
func (f *userFile) broken(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(ErrRefused, "line %d: the JSON ends too early: is the file complete?", f.line())
	case errors.As(err, &syntax):
		return refuse(ErrRefused, "line %d: not JSON: %v", f.line(), syntax)
	}
	return fmt.Errorf("reading users: %w", err)
}

// line is that of what the decoder has not taken yet.
func (f *userFile) line() int {
	rest, _ := io.ReadAll(f.dec.Buffered()) // from memory, which does not fail
	blank := len(rest) - len(bytes.TrimLeft(rest, ", \t\r\n"))
	return f.lines.at(f.dec.InputOffset() + int64(blank))
}

// lineCounter remembers where the lines begin of what is read through it.
type lineCounter struct {
	r    io.Reader
	read int64
	ends []int64 // offsets of the line breaks not yet passed by at
	line int     // of the offset at was last asked for, from 1
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.read+int64(i))
		}
	}
	c.read += int64(n)
	return n, err
}

// at returns the line of an offset. Offsets must not go back.
func (c *lineCounter) at(offset int64) int {
	for len(c.ends) > 0 && c.ends[0] < offset {
		c.ends = c.ends[1:]
		c.line++
	}
	return c.line
}
