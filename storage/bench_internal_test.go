package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "usher.db"), Options{Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.CreateUser(b.Context(), User{ID: "ann", Username: "ann", Epoch: "e", Scopes: []string{"profile"}}); err != nil {
		b.Fatal(err)
	}
	if err := s.CreateClient(b.Context(), Client{ID: "app", Epoch: "e", Grants: []string{"password", "refresh_token"}}); err != nil {
		b.Fatal(err)
	}
	return s
}

func benchGrant() Grant {
	now := time.Now()
	return Grant{ID: NewID(), UserID: "ann", ClientID: "app", UserEpoch: "e", ClientEpoch: "e", Scopes: []string{"profile"},
		AuthTime: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour), Refresh: make([]byte, 32)}
}

// withWriters runs what writer returns, which one goroutine calls again and
// again, in one goroutine and in 64.
func withWriters(b *testing.B, writer func(*testing.B, *Store) func() error) {
	b.Run("writers=1", func(b *testing.B) {
		b.ReportAllocs()
		write := writer(b, benchStore(b))
		for b.Loop() {
			if err := write(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("writers=64", func(b *testing.B) {
		b.ReportAllocs()
		s := benchStore(b)
		b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			write := writer(b, s)
			for pb.Next() {
				if err := write(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkBareInsert is what the engine itself takes for one small row and its
// commit, one connection at a time: what the others are to be compared with.
func BenchmarkBareInsert(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			b.ReportAllocs()
			db, err := benchStore(b).dialect.(*sqliteDB).connections(1, "_txlock=immediate")
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { db.Close() })
			if _, err := db.ExecContext(b.Context(), `CREATE TABLE bare (id TEXT PRIMARY KEY, body BYTEA)`); err != nil {
				b.Fatal(err)
			}
			insert, err := db.PrepareContext(b.Context(), `INSERT INTO bare VALUES ($1, $2)`)
			if err != nil {
				b.Fatal(err)
			}
			body := make([]byte, 32)
			if writers == 1 {
				for b.Loop() {
					if _, err := insert.ExecContext(context.Background(), NewID(), body); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := insert.ExecContext(context.Background(), NewID(), body); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkCreateGrant(b *testing.B) {
	withWriters(b, func(b *testing.B, s *Store) func() error {
		return func() error { return s.CreateGrant(b.Context(), benchGrant()) }
	})
}

func BenchmarkRotateGrant(b *testing.B) {
	withWriters(b, func(b *testing.B, s *Store) func() error {
		g := benchGrant()
		if err := s.CreateGrant(b.Context(), g); err != nil {
			b.Fatal(err)
		}
		presented, next, answer := make([]byte, 32), make([]byte, 32), make([]byte, 200)
		n := uint64(0)
		return func() error {
			n++
			binary.BigEndian.PutUint64(next, n)
			won, err := s.RotateGrant(b.Context(), g.ID, presented, next, answer)
			if err == nil && !won {
				err = fmt.Errorf("rotation %d: lost, though nobody else rotates", n)
			}
			copy(presented, next)
			return err
		}
	})
}

// BenchmarkGuess is what counting adds to a login, beside BenchmarkCreateGrant: a
// right password at home, one elsewhere for the first time, and a guess refused.
func BenchmarkGuess(b *testing.B) {
	login := func(b *testing.B, s *Store, g Guess) error {
		charged, err := s.Charge(b.Context(), g)
		if err != nil {
			return err
		}
		return s.Admit(b.Context(), charged, benchGrant())
	}
	b.Run("right at home", func(b *testing.B) {
		withWriters(b, func(b *testing.B, s *Store) func() error {
			g := Guess{Account: NewID(), Network: "192.0.2.1", Mark: NewID()}
			if err := login(b, s, g); err != nil {
				b.Fatal(err)
			}
			return func() error { return login(b, s, g) }
		})
	})
	b.Run("right elsewhere", func(b *testing.B) {
		withWriters(b, func(b *testing.B, s *Store) func() error {
			return func() error { return login(b, s, Guess{Account: NewID(), Network: "192.0.2.1", Mark: NewID()}) }
		})
	})
	b.Run("refused", func(b *testing.B) {
		withWriters(b, func(b *testing.B, s *Store) func() error {
			g := Guess{Account: NewID(), Network: "192.0.2.1"}
			for range FreeGuesses + 12 { // past a wait that would be over soon
				g.Mark = NewID()
				err := s.write(b.Context(), func(ctx context.Context, q querier) error {
					l, err := lockLane(ctx, q, g)
					if err != nil {
						return err
					}
					l.fail(millis(s.now()), g.Mark)
					return l.save(ctx, q, g)
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			g.Mark = NewID()
			return func() error {
				if _, err := s.Charge(b.Context(), g); err == nil {
					return fmt.Errorf("charging a guess: got it allowed, want it refused")
				}
				return nil
			}
		})
	})
}

// BenchmarkRead has the reads of the request path, under a context that can end,
// as a request's can, and under one that can't.
func BenchmarkRead(b *testing.B) {
	s := benchStore(b)
	var g Grant
	if err := s.write(b.Context(), func(ctx context.Context, q querier) error {
		for range 10_000 {
			g = benchGrant()
			if _, err := q.exec(ctx, `INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences,
				auth_time, expires_at, refresh_hash, rotated_at) VALUES ($1, 'ann', 'app', 'e', 'e', '', '', 0, 0, $2, 0)`, g.ID, g.Refresh); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for _, read := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"Session", func(ctx context.Context) error { _, err := s.Session(ctx, g.ID); return err }},
		{"UserByName", func(ctx context.Context) error { _, err := s.UserByName(ctx, "ann"); return err }},
		{"Changed", func(ctx context.Context) error { _, err := s.Changed(ctx); return err }},
		{"Changed and Versions", func(ctx context.Context) error {
			if _, err := s.Changed(ctx); err != nil {
				return err
			}
			_, err := s.Versions(ctx)
			return err
		}},
	} {
		for _, c := range []struct {
			name string
			ctx  context.Context
		}{{"of a request", b.Context()}, {"without an end", context.WithoutCancel(b.Context())}} {
			b.Run(read.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := read.do(c.ctx); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}
