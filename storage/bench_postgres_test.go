package storage_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// What the database costs a login, a refresh and a look at the feed on PostgreSQL.
// USHER_BENCH_POSTGRES names databases to compare, separated by spaces, such as an
// empty one and one that was filled by BenchmarkSeed; without it there is one of the
// benchmark's own, which commits to disk.
func BenchmarkPostgres(b *testing.B) {
	addresses := strings.Fields(os.Getenv("USHER_BENCH_POSTGRES"))
	if len(addresses) == 0 {
		addresses = []string{postgrestest.NewCluster(b).URL}
	}
	for i, address := range addresses {
		s, err := storage.Open(b.Context(), address, storage.Options{Migrate: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		user := storage.User{ID: storage.NewID(), Username: storage.NewID(), Epoch: "e"}
		client := storage.Client{ID: storage.NewID(), Epoch: "e"}
		if err := s.CreateUser(b.Context(), user); err != nil {
			b.Fatal(err)
		}
		if err := s.CreateClient(b.Context(), client); err != nil {
			b.Fatal(err)
		}
		create := func() storage.Grant {
			id := storage.NewGrantID(time.Now())
			g := storage.Grant{ID: id, UserID: user.ID, ClientID: client.ID, UserEpoch: "e", ClientEpoch: "e", Scopes: []string{"profile"},
				Audiences: []string{"https://auth.example"}, AuthTime: time.Now(), ExpiresAt: time.Now().Add(720 * time.Hour), Refresh: []byte(id)}
			if err := s.CreateGrant(b.Context(), g); err != nil {
				b.Fatal(err)
			}
			return g
		}
		for _, callers := range []int{1, 16} {
			run := func(name string, f func(n int64)) {
				b.Run(fmt.Sprintf("%s/callers=%d/database=%d", name, callers, i), func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(max(1, callers/2))
					var n atomic.Int64
					if callers == 1 {
						for b.Loop() {
							f(n.Add(1))
						}
						return
					}
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							f(n.Add(1))
						}
					})
				})
			}
			grants := make([]storage.Grant, 64)
			for j := range grants {
				grants[j] = create()
			}
			answer := make([]byte, 900) // what a sealed answer takes
			run("CreateGrant", func(int64) { create() })
			at := func(n int64) storage.Guess {
				return storage.Guess{Account: fmt.Sprint("account-", n%64), Network: "192.0.2.1", Mark: "mark"}
			}
			run("Login", func(n int64) { // with CreateGrant, from home but for the first time
				id := storage.NewGrantID(time.Now())
				g := storage.Grant{ID: id, UserID: user.ID, ClientID: client.ID, UserEpoch: "e", ClientEpoch: "e", Scopes: []string{"profile"},
					Audiences: []string{"https://auth.example"}, AuthTime: time.Now(), ExpiresAt: time.Now().Add(720 * time.Hour), Refresh: []byte(id)}
				charged, err := s.Charge(b.Context(), at(n))
				if err == nil {
					err = s.Admit(b.Context(), charged, g)
				}
				if err != nil {
					b.Error(err)
				}
			})
			run("RotateGrant", func(int64) {
				g := create() // half of what is measured: subtract CreateGrant
				if won, err := s.RotateGrant(b.Context(), g.ID, g.Refresh, []byte("next"), answer); !won || err != nil {
					b.Errorf("got won %v (%v), want true", won, err)
				}
			})
			run("Session", func(n int64) {
				if _, err := s.Session(b.Context(), grants[n%64].ID); err != nil {
					b.Error(err)
				}
			})
			run("RevokeToken", func(int64) {
				if err := s.RevokeToken(b.Context(), storage.NewID(), time.Now()); err != nil {
					b.Error(err)
				}
			})
			run("Versions", func(int64) {
				if _, err := s.Versions(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
	}
}
