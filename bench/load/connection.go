package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// patience is how long one answer may take. No server is meant to be that slow.
const patience = 60 * time.Second

// connection is one keep-alive connection, opened anew after an error.
type connection struct {
	address string
	conn    net.Conn // nil before the first request and after an error
	r       *bufio.Reader
	body    []byte // of the last answer
}

// do sends the request and reads its answer.
func (c *connection) do(request []byte) (status int, body []byte, err error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			return 0, nil, err
		}
	}
	status, err = c.exchange(request)
	if err != nil {
		c.close()
	}
	return status, c.body, err
}

func (c *connection) open() (err error) {
	if c.conn, err = (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "tcp", c.address); err != nil {
		return err
	}
	c.r = bufio.NewReaderSize(c.conn, 8<<10)
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn = nil
}

func (c *connection) exchange(request []byte) (status int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("the answer begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("the answer begins with %q", line)
	}
	length, chunked, err := c.header()
	if err != nil {
		return 0, err
	}
	c.body = c.body[:0]
	switch {
	case chunked:
		return status, c.chunks()
	case length >= 0:
		return status, c.read(length)
	case status == http.StatusNoContent:
		return status, nil
	default:
		return 0, errors.New("the answer does not say how long it is")
	}
}

// header reads the fields up to the empty line, and how long the body is: -1 where
// they do not say.
func (c *connection) header() (length int, chunked bool, err error) {
	for length = -1; ; {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return length, chunked, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, false, fmt.Errorf("the answer has the length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return 0, false, errors.New("the server closes the connection after each answer")
		}
	}
}

// chunks reads a body of chunks (RFC 9112, section 7.1); trailers are not expected.
func (c *connection) chunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return fmt.Errorf("a chunk has the size %q", line)
		}
		if err := c.read(int(size)); err != nil {
			return err
		}
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) != 0 {
			return fmt.Errorf("a chunk ends with %q", line)
		}
		if size == 0 {
			return nil
		}
	}
}

// read appends n bytes to the body.
func (c *connection) read(n int) error {
	begin := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.r, c.body[begin:])
	return err
}

func (c *connection) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
