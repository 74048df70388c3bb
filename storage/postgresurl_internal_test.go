package storage

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The name of a lost primary that no name server answers for leaves time for the
// name of its standby.
func TestASilentNameServerLeavesTimeForTheOtherHost(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	standby, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer standby.Close()
	_, port, err := net.SplitHostPort(standby.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := parsePostgres("postgres://usher@primary.example,127.0.0.1:" + port + "/usher?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.LookupFunc = lookUp(&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
	}})

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // less than a lookup takes by itself
	defer cancel()
	go pgx.ConnectConfig(ctx, config) // in vain
	asked := make(chan struct{})
	go func() {
		if conn, err := standby.Accept(); err == nil {
			conn.Close()
			close(asked)
		}
	}()
	select {
	case <-asked:
	case <-ctx.Done():
		t.Error("the standby was not asked within 5 s")
	}
}
