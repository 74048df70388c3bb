package main

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// cuttable is a way to a server that can stop forwarding without closing.
type cuttable struct {
	url string

	mu   sync.Mutex
	open chan struct{} // closed while the way is free
}

func newCuttable(t *testing.T, target string) *cuttable {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l := listenAnywhere(t)
	c := &cuttable{open: make(chan struct{})}
	c.heal()
	host := u.Host
	u.Host = l.Addr().String()
	c.url = u.String()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go c.forward(near, host)
		}
	}()
	return c
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = make(chan struct{})
}

func (c *cuttable) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.open)
}

func (c *cuttable) wait() {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	<-open
}

func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// forward carries one connection, and holds what arrives while the way is cut.
func (c *cuttable) forward(near net.Conn, target string) {
	defer near.Close()
	c.wait()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	carry := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			c.wait()
			if n > 0 {
				if _, err := to.Write(buf[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		done <- struct{}{}
	}
	go carry(far, near)
	go carry(near, far)
	<-done
}
