package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

// shared is the server that the tests of one process have in common.
var shared struct {
	once    sync.Once
	url     string
	cluster *Cluster
	parent  string
	err     error
}

// Main runs the tests and ends the shared server afterwards:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
func Main(m interface{ Run() int }) int {
	defer func() {
		if shared.cluster != nil {
			shared.cluster.Kill()
		}
		if shared.parent != "" {
			os.RemoveAll(shared.parent)
		}
	}()
	return m.Run()
}

// server returns the URL of the shared server, and starts it for the first who
// asks. What it acknowledges is not on disk: tests of that have their own.
func server() (string, error) {
	shared.once.Do(func() {
		if shared.url = os.Getenv("USHER_TEST_POSTGRES"); shared.url != "" {
			return
		}
		if shared.parent, shared.err = os.MkdirTemp("", "usher-postgres-"); shared.err != nil {
			return
		}
		shared.cluster, shared.err = Create(shared.parent, "fsync = off", "full_page_writes = off")
		if shared.err == nil {
			shared.url = shared.cluster.URL
		}
	})
	return shared.url, shared.err
}

// Schema returns the URL of a schema of the test's own on the shared server.
func Schema(t testing.TB) string {
	t.Helper()
	address, err := server()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address) // the driver that package storage brings
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	name := "test_" + strings.ToLower(strings.ReplaceAll(storage.NewID(), "-", "_"))
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`CREATE SCHEMA %q`, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
		defer cancel()
		if _, err := db.ExecContext(ctx, fmt.Sprintf(`DROP SCHEMA %q CASCADE`, name)); err != nil {
			t.Errorf("dropping the schema: %v", err)
		}
	})
	// A machine that runs all tests may take longer to accept than a server should.
	return With(t, address, "search_path", name, "pool_max_conns", "6", "connect_timeout", "30")
}

// Hosts returns the URL of several servers of one cluster.
func Hosts(t testing.TB, clusters ...*Cluster) string {
	t.Helper()
	hosts := make([]string, len(clusters))
	for i, c := range clusters {
		hosts[i] = fmt.Sprintf("127.0.0.1:%d", c.port)
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/postgres"
}

// With returns the URL with parameters added, or without those of an empty value.
func With(t testing.TB, address string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
