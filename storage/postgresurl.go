package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// timeLimits are what the server ends by itself: a statement or a wait for a row
// that takes too long, and a transaction whose node is gone. No statement here
// takes a hundredth of it.
var timeLimits = map[string]time.Duration{
	"statement_timeout":                   10 * time.Second,
	"lock_timeout":                        5 * time.Second,
	"idle_in_transaction_session_timeout": 10 * time.Second,
}

const (
	// connectTimeout is for one host of several.
	connectTimeout = 2 * time.Second
	// lookUpTimeout is for the name of one host of several.
	lookUpTimeout = time.Second
	// readLimit is how long a query outside a transaction may take.
	readLimit = 3 * time.Second
)

// parsePostgres reads a URL as libpq does, several hosts, sslmode and the like,
// and pool_max_conns beside. Where several hosts are named and the URL does not
// say otherwise, only one that takes writes is used.
func parsePostgres(url string) (config *pgx.ConnConfig, conns int, err error) {
	config, err = pgx.ParseConfig(url)
	if err != nil {
		// Its text may quote the URL, password and all.
		return nil, 0, errors.New("the URL is not understood: write it as postgres://USER@HOST/DATABASE")
	}
	conns = max(16, 4*runtime.NumCPU())
	if text, ok := config.RuntimeParams["pool_max_conns"]; ok {
		delete(config.RuntimeParams, "pool_max_conns")
		if conns, err = strconv.Atoi(text); err != nil || conns < 1 {
			return nil, 0, fmt.Errorf("pool_max_conns=%s: write a number of connections", text)
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if len(config.Fallbacks) > 0 && config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for name, limit := range timeLimits {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = strconv.FormatInt(limit.Milliseconds(), 10)
		}
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "usher"
	}
	// A server that vanished without a word is noticed within seconds.
	config.DialFunc = (&net.Dialer{
		Timeout:         config.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: time.Second, Count: 3},
	}).DialContext
	config.LookupFunc = lookUp(net.DefaultResolver)
	return config, conns, nil
}

// lookUp asks for the addresses of one host. All hosts are looked up, one after the
// other, before any is connected to. Names of containers are gone with them, so without
// a limit a name server that is silent about a lost primary would use up the time of
// its standby.
func lookUp(by *net.Resolver) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
		defer cancel()
		return by.LookupHost(ctx, host)
	}
}

// unreachable names where the server was looked for, and nothing secret.
func unreachable(config *pgx.ConnConfig, err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return fmt.Errorf("PostgreSQL at %s refuses: %s", config.Host, refused.Message)
	}
	return fmt.Errorf("PostgreSQL at %s port %d does not answer: is it running, and is that its address?", config.Host, config.Port)
}
