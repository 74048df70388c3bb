package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// The names of the sockets that systemd may pass (FileDescriptorName= in usher.socket).
const (
	publicSocket = "public"
	adminSocket  = "admin"
)

// inherited are the sockets that systemd listens on for us (sd_listen_fds(3)), by
// name. They outlive the process, so that a restart refuses no connection.
type inherited map[string]net.Listener

func inheritedSockets() (inherited, error) {
	byName, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("taking the sockets of systemd: %w", err)
	}
	known := []string{publicSocket, adminSocket}
	found := make(inherited)
	for name, listeners := range byName {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("systemd passes a socket named %q: give it FileDescriptorName=public or admin", name)
		}
		if len(listeners) != 1 || listeners[0] == nil {
			return nil, fmt.Errorf("systemd passes %d sockets named %q: one that listens on a stream is wanted", len(listeners), name)
		}
		found[name] = listeners[0]
	}
	return found, nil
}

// or returns the socket of a name, or else one that listens on addr.
func (i inherited) or(ctx context.Context, name, flag, addr, alternative string) (net.Listener, error) {
	if l, ok := i[name]; ok {
		delete(i, name)
		return l, nil
	}
	return listen(ctx, flag, addr, alternative)
}

// close closes the sockets that nobody took.
func (i inherited) close() error {
	var errs []error
	for _, l := range i {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// notify tells systemd where the server stands (sd_notify(3)); elsewhere it does
// nothing. A manager that can't be told is no reason to stop.
func (s *server) notify(ctx context.Context, state string) {
	if state == daemon.SdNotifyReloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.WarnContext(ctx, "systemd could not be told", "state", state, "err", err)
	}
}
