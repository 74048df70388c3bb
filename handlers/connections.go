package handlers

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// Limit bounds the connections of srv, which has to serve the listener it returns in
// the place of l. Beyond the limit the connection that has waited longest for its next
// request is closed for a new one; where none waits, new ones stay in the kernel's
// queue.
func Limit(srv *http.Server, l net.Listener, limit int) net.Listener {
	c := &connections{Listener: l, limit: limit, places: make(map[net.Conn]*list.Element)}
	c.changed.L = &c.mu
	srv.ConnState = c.state
	return c
}

// connections are those of one server.
type connections struct {
	net.Listener
	limit int

	mu      sync.Mutex
	changed sync.Cond // count, idle or closed is; on mu
	count   int       // accepted and not yet ended
	idle    list.List // of net.Conn, the longest first
	places  map[net.Conn]*list.Element
	closed  bool
}

// Accept waits for a place, then for a connection.
func (c *connections) Accept() (net.Conn, error) {
	c.room()
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.count++
		c.mu.Unlock()
	}
	return conn, err
}

// room returns once there is a place for one more, or none is needed any more.
func (c *connections) room() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.count >= c.limit && !c.closed {
		if longest := c.idle.Front(); longest != nil {
			conn := longest.Value.(net.Conn)
			c.busy(conn)
			go conn.Close() // may say goodbye first; whoever serves it learns that it ended
		}
		c.changed.Wait()
	}
}

// Close ends listening.
func (c *connections) Close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	return c.Listener.Close()
}

// state is called by net/http, with the last state of each connection once.
func (c *connections) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy(conn)
	switch state {
	case http.StateIdle:
		c.places[conn] = c.idle.PushBack(conn)
	case http.StateClosed, http.StateHijacked:
		c.count--
	default:
		return
	}
	c.changed.Signal()
}

// busy takes a connection from among those that wait. c.mu is held.
func (c *connections) busy(conn net.Conn) {
	if place, waits := c.places[conn]; waits {
		c.idle.Remove(place)
		delete(c.places, conn)
	}
}
