package storage_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// hearing is how a node hears of what others commit, on a database server.
type hearing string

const (
	notified hearing = "notified"
	polling  hearing = "polling" // its notifications get lost
	deaf     hearing = "deaf"    // its connection for news does
)

// wire is a way to a database server on which statements go wrong: the server says an
// error, or the connection is lost before the statement arrives or after it ran. It
// reads the messages of both sides (PostgreSQL, "Message Formats").
type wire struct {
	*injector
	hearing hearing
	url     string
}

func newWire(t *testing.T, target string, i *injector, h hearing) *wire {
	t.Helper()
	w := &wire{injector: i, hearing: h}
	w.url = between(t, target, w.carry)
	return w
}

// carried is one connection.
type carried struct {
	*wire
	near, far net.Conn
	from      *bufio.Reader     // of near
	texts     map[string]string // of prepared statements, by name

	mu     sync.Mutex
	status byte // of the transaction, as the server last said
	news   bool // it is the one that hears of what others commit
	// instead is what the next answer is replaced by; the connection is lost where
	// that is empty.
	swallow bool
	instead []byte
}

func (w *wire) carry(near net.Conn, host string) {
	defer near.Close()
	if w.gone() {
		return
	}
	far, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer far.Close()
	c := &carried{wire: w, near: near, far: far, from: bufio.NewReader(near), texts: make(map[string]string)}
	startup := make([]byte, 4) // the first message has a length and no kind
	if _, err := io.ReadFull(c.from, startup); err != nil {
		return
	}
	startup = append(startup, make([]byte, binary.BigEndian.Uint32(startup)-4)...)
	if _, err := io.ReadFull(c.from, startup[4:]); err != nil {
		return
	}
	if !c.send(startup) {
		return
	}
	var back sync.WaitGroup
	back.Go(c.answers)
	for c.exchange() {
	}
	near.Close()
	far.Close()
	back.Wait()
}

func readMessage(from io.Reader) (kind byte, whole []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	whole = append(head, make([]byte, binary.BigEndian.Uint32(head[1:])-4)...)
	_, err = io.ReadFull(from, whole[5:])
	return head[0], whole, err
}

func message(kind byte, body string) []byte {
	m := append([]byte{kind}, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(m[1:], uint32(4+len(body)))
	return append(m, body...)
}

// exchange carries what the client sends until it waits for an answer. It reports
// false at the end of the connection.
func (c *carried) exchange() bool {
	var batch []byte
	var text string
	runs := false
	for {
		kind, whole, err := readMessage(c.from)
		if err != nil {
			return false
		}
		batch = append(batch, whole...)
		fields := strings.Split(string(whole[5:]), "\x00")
		switch kind {
		case 'P': // Parse: a name, a text
			c.texts[fields[0]], text = fields[1], fields[1]
		case 'B': // Bind: a portal, a name
			text = c.texts[fields[1]]
		case 'E': // Execute
			runs = true
		case 'Q': // Query: a text
			return c.statement(batch, fields[0], true)
		case 'S': // Sync
			return c.statement(batch, text, runs)
		case 'p', 'X': // a password, the end
			if !c.send(batch) {
				return false
			}
			batch = nil
		}
	}
}

// statement sends one on its way, or makes it go wrong.
func (c *carried) statement(batch []byte, text string, runs bool) bool {
	c.mu.Lock()
	within := c.status != 'I'
	c.news = c.news || strings.HasPrefix(text, "LISTEN")
	news := c.news
	c.mu.Unlock()
	switch {
	case news && c.hearing == deaf:
		return false
	case news || text == "-- ping":
		return c.send(batch)
	}
	verb := strings.ToUpper(strings.TrimSpace(text))
	f, strikes := c.meets(struckStatement{text: text, within: within}, runs && !c.ofNews(text))
	switch {
	case !strikes:
		return c.send(batch)
	case f.lost && !f.ran:
		return false
	case f.lost:
		c.expect(nil)
		return c.send(batch)
	}
	refusal := message('E', "SERROR\x00VERROR\x00C58030\x00M"+errFault.Error()+"\x00\x00")
	switch {
	case verb == "COMMIT" || verb == "ROLLBACK": // either way the transaction is over
		c.expect(append(refusal, message('Z', "I")...))
		return c.send(message('Q', "ROLLBACK\x00"))
	case within:
		refusal = append(refusal, message('Z', "E")...)
	default:
		refusal = append(refusal, message('Z', "I")...)
	}
	_, err := c.near.Write(refusal)
	return err == nil
}

// ofNews tells of the reads that follow on news. When these come is not up to the
// request, unless a node is deaf: there they begin each request.
func (c *carried) ofNews(text string) bool {
	return c.hearing != deaf && (strings.Contains(text, "FROM settings r,") || strings.Contains(text, "FROM revocations WHERE seq >"))
}

func (c *carried) send(batch []byte) bool {
	_, err := c.far.Write(batch)
	return err == nil
}

func (c *carried) expect(instead []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swallow, c.instead = true, instead
}

// answers carries what the server says.
func (c *carried) answers() {
	defer c.near.Close()
	from, out := bufio.NewReader(c.far), new(bytes.Buffer)
	for {
		kind, whole, err := readMessage(from)
		if err != nil {
			return
		}
		c.mu.Lock()
		swallow, instead, news := c.swallow, c.instead, c.news
		if kind == 'Z' {
			c.status, c.swallow = whole[5], false
		}
		c.mu.Unlock()
		switch {
		case kind == 'A' && news && c.hearing == polling:
		case !swallow:
			out.Write(whole)
		case kind == 'Z' && len(instead) == 0:
			return
		case kind == 'Z':
			out.Write(instead)
		}
		if from.Buffered() > 0 {
			continue
		}
		if _, err := out.WriteTo(c.near); err != nil {
			return
		}
	}
}
