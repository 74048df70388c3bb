package storagetest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func feedTests() []test {
	return []test{
		{"is followed without a gap while many revoke", testFollow},
		{"tells each node of the other's writes", testChanged},
		{"numbers revocations and key sets", testVersions},
	}
}

// A node reads what is numbered above the last it has seen. That is only right
// if no lower number can turn up later.
func testFollow(t *testing.T, db Database) {
	const writers, each = 8, 24
	nodes := openTwo(t, db)
	follower := openAt(t, db, nodes[0].clock)
	for i := range writers {
		nodes[0].user(t, fmt.Sprint("user-", i))
		nodes[0].client(t, fmt.Sprint("client-", i))
	}

	ctx, written := context.WithCancel(t.Context())
	seen := make(map[string]int64)
	var following error
	var wg sync.WaitGroup
	wg.Go(func() {
		var last int64
		// On a server a node learns of the last write a moment after it.
		for last < writers*each || ctx.Err() == nil {
			changed, err := follower.Changed(t.Context())
			if err != nil {
				following = err
				return
			}
			if !changed {
				continue
			}
			list, err := follower.Revocations(t.Context(), last)
			if err != nil {
				following = err
				return
			}
			for _, r := range list {
				if r.Seq <= last {
					following = fmt.Errorf("number %d after %d", r.Seq, last)
				}
				last = r.Seq
				seen[fmt.Sprint(r.Kind, " ", r.Key)] = r.Seq
			}
		}
	})
	together(t, writers, func(ctx context.Context, i int) error {
		s := nodes[i%2]
		for n := range each {
			key := fmt.Sprint(i, ".", n)
			var err error
			switch n % 4 {
			case 0:
				err = s.RevokeToken(ctx, key, s.clock.Now())
			case 1:
				err = s.EndGrant(ctx, key)
			case 2:
				err = s.EndUserSessions(ctx, fmt.Sprint("user-", i))
			case 3:
				err = s.EndClientSessions(ctx, fmt.Sprint("client-", i))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	written()
	wg.Wait()
	check(t, following)

	want := make(map[string]int64)
	for _, r := range nodes[1].since(t, 0) {
		want[fmt.Sprint(r.Kind, " ", r.Key)] = r.Seq
	}
	if got, want := len(want), writers*(each/2+2); got != want {
		t.Errorf("got %d revocations, want %d", got, want)
	}
	if !maps.Equal(seen, want) {
		equal(t, "what the follower saw", seen, want)
	}
	newest, err := follower.Versions(t.Context())
	check(t, err)
	if want := int64(writers * each); newest.Revocations != want {
		t.Errorf("got newest number %d, want %d: one for each event", newest.Revocations, want)
	}
}

func testChanged(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ctx := t.Context()
	changed := func(s node) bool {
		t.Helper()
		got, err := s.Changed(ctx)
		check(t, err)
		return got
	}
	for i, s := range nodes {
		if !changed(s) {
			t.Errorf("node %d, first call: got false, want true", i)
		}
	}
	check(t, nodes[0].RevokeToken(ctx, "jti", nodes[0].clock.Now()))
	if !changed(nodes[0]) {
		t.Error("the node that wrote: got false, want true")
	}
	for i, s := range nodes {
		soon(t, fmt.Sprintf("node %d after a write of node 0", i), func() bool { return i == 0 || changed(s) })
		equal(t, "revocations", len(s.since(t, 0)), 1)
	}
	check(t, nodes[1].SaveSigningKeys(ctx, 0, storage.SigningKey{ID: "k", Algorithm: "ES256", Sealed: []byte("s")}))
	for i, s := range nodes {
		soon(t, fmt.Sprintf("node %d after a write of node 1", i), func() bool { return changed(s) })
	}
}

// soon waits a second and some for what a node is to learn within a second.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%s: got no change within 2 s, want one", what)
			return
		}
	}
}

func testVersions(t *testing.T, db Database) {
	nodes := openTwo(t, db)
	ctx := t.Context()
	for _, step := range []struct {
		after             string
		do                func() error
		revocations, keys int64
	}{
		{"nothing", func() error { return nil }, 0, 0},
		{"a user", func() error { return nodes[0].CreateUser(ctx, storage.User{Username: "ann"}) }, 0, 0},
		{"a revocation", func() error { return nodes[0].EndGrant(ctx, "g") }, 1, 0},
		{"the same revocation", func() error { return nodes[1].EndGrant(ctx, "g") }, 2, 0},
		{"a key", func() error {
			return nodes[0].SaveSigningKeys(ctx, 0, storage.SigningKey{ID: "k", Sealed: []byte("s")})
		}, 2, 1},
		{"an event", func() error { return nodes[1].ChangeUser(ctx, "ann", DisableUser) }, 3, 1},
		{"an audience", func() error { return nodes[1].SaveAudience(ctx, 1, storage.Audience{URI: "a", TTL: time.Hour}) }, 3, 2},
		{"an audience less", func() error { return nodes[0].DeleteAudience(ctx, 2, "a") }, 3, 3},
	} {
		check(t, step.do())
		for i, s := range nodes {
			v, err := s.Versions(ctx)
			check(t, err)
			if v.Revocations != step.revocations || v.SigningKeys != step.keys {
				t.Errorf("node %d after %s: got %d and %d, want %d and %d", i, step.after, v.Revocations, v.SigningKeys, step.revocations, step.keys)
			}
		}
	}
}
