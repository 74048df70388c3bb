package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// listen opens a socket for the address that flag named.
func listen(ctx context.Context, flag, addr, alternative string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another process: choose another address with %s%s", addr, flag, alternative)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// otherFiles is how many files are left for all but the connections of the public
// address: the database, the address of operators, logs.
const otherFiles = 128

// connections is how many the public address may have.
func (s *server) connections(ctx context.Context) int {
	files := openFiles()
	most := max(1, files-otherFiles)
	if s.MaxConnections <= most {
		return s.MaxConnections
	}
	s.log.WarnContext(ctx, "fewer connections than --max-connections: raise the limit of open files (ulimit -n, or LimitNOFILE of systemd)",
		"connections", most, "max_connections", s.MaxConnections, "open_files", files)
	return most
}

// answer serves requests of l until the server is shut down.
func answer(srv *http.Server, l net.Listener) (err error) {
	if srv.TLSConfig != nil {
		err = srv.ServeTLS(l, "", "")
	} else {
		err = srv.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", l.Addr(), err)
}

// drain lets requests in flight finish, and cuts off those that take too long.
func drain(srv *http.Server, timeout time.Duration) error {
	// Its own context: the one of the server has just ended.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests in flight were cut off: they took longer than the %s of --shutdown-timeout", timeout), srv.Close())
	}
	return err
}
