package handlers

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Limit bounds the connections of srv, which has to serve the listener it returns in
// the place of l. Beyond the limit the connection that has waited longest for its next
// request is closed for a new one; where none waits, new ones stay in the kernel's
// queue.
func Limit(srv *http.Server, l net.Listener, limit int) net.Listener {
	c := &connections{Listener: l, limit: limit}
	c.idle.before, c.idle.after = &c.idle, &c.idle
	c.changed.L = &c.mu
	srv.ConnState = c.state
	return c
}

// connections are those of one server.
type connections struct {
	net.Listener
	limit int

	mu      sync.Mutex
	changed sync.Cond  // count, idle or closed is; on mu
	count   int        // accepted and not yet ended
	idle    connection // begins and ends the ring of those that wait, the longest first
	closed  bool
}

// connection has its place among those that wait in itself: it comes and goes with
// each request.
type connection struct {
	net.Conn
	served        net.Conn    // what net/http knows it as, which with TLS is around it
	before, after *connection // nil where it does not wait; its server's mu is held
}

// Accept waits for a place, then for a connection.
func (c *connections) Accept() (net.Conn, error) {
	c.room()
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.count++
	c.mu.Unlock()
	return &connection{Conn: conn}, nil
}

// room returns once there is a place for one more, or none is needed any more.
func (c *connections) room() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.count >= c.limit && !c.closed {
		if longest := c.idle.after; longest != &c.idle {
			longest.leave()
			go longest.served.Close() // may say goodbye first; whoever serves it learns that it ended
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
func (c *connections) state(served net.Conn, state http.ConnState) {
	conn := served
	if secure, ok := served.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	accepted := conn.(*connection) // nothing else was served
	c.mu.Lock()
	defer c.mu.Unlock()
	accepted.served = served
	accepted.leave()
	switch state {
	case http.StateIdle:
		accepted.before, accepted.after = c.idle.before, &c.idle
		accepted.before.after, accepted.after.before = accepted, accepted
	case http.StateClosed, http.StateHijacked:
		c.count--
	default:
		return
	}
	c.changed.Signal()
}

// CloseWrite tells the client that nothing more will come, while what it still sends is
// read: net/http does so before it closes a connection, lest the client lose an answer
// that it has not read yet.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// leave takes a connection from among those that wait.
func (c *connection) leave() {
	if c.after == nil {
		return
	}
	c.before.after, c.after.before = c.after, c.before
	c.before, c.after = nil, nil
}
