package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that mean something here.
const (
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateUnique        = "23505"
	stateNoTable       = "42P01"
	stateReadOnly      = "25006" // a primary that became a standby
	stateLockTimeout   = "55P03"
	stateCanceled      = "57014" // by statement_timeout
	stateShutdown      = "57P01"
	stateCrash         = "57P02"
	stateStarting      = "57P03"

	classConnection = "08"
	classResources  = "53" // too many connections, disk full, out of memory
)

func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// serialization reports whether the server undid a transaction for the sake of
// another one.
func serialization(err error) bool {
	s := state(err)
	return s == stateSerialization || s == stateDeadlock
}

// undone reports whether err, met before the commit, means that the transaction
// is gone and that another may fare better.
func undone(err error) bool {
	switch state(err) {
	case stateSerialization, stateDeadlock, stateShutdown, stateCrash, stateStarting, stateReadOnly:
		return true
	case "":
		return broken(err)
	}
	return false
}

// unsent reports whether a statement that failed so never reached the server: its
// connection turned out to be a dead one.
func unsent(err error) bool {
	// The driver says ErrBadConn of a statement for nothing else.
	return errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}

// unavailable reports whether the fault is with the database and passes.
func unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	switch s := state(err); s {
	case stateSerialization, stateDeadlock, stateLockTimeout, stateCanceled, stateShutdown, stateCrash, stateStarting, stateReadOnly:
		return true
	case "":
		return broken(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone) // it outlived its limit
	default:
		return strings.HasPrefix(s, classConnection) || strings.HasPrefix(s, classResources)
	}
}

// broken reports whether a connection could not be made or was lost.
func broken(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return unsent(err) || errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
