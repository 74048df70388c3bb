package storage

import (
	"path/filepath"
	"testing"
)

// The header moves with each commit that PRAGMA data_version tells of, whichever
// connection makes it, also over checkpoints and a log that begins anew.
func TestTheWalIndexTellsOfEachCommit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "usher.db")
	s, err := Open(ctx, "sqlite:"+file, Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := s.dialect.(*sqliteDB)
	if d.index == nil {
		t.Skip("this system has no wal-index to read")
	}
	other, err := Open(ctx, "sqlite:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	both := func() (index, counter bool) {
		t.Helper()
		index = d.index.changed()
		kept := d.index
		d.index = nil
		counter, err := d.changed(ctx)
		d.index = kept
		if err != nil {
			t.Fatal(err)
		}
		return index, counter
	}
	both()
	if index, counter := both(); index || counter {
		t.Fatalf("nothing was committed: the index says %t, the counter %t", index, counter)
	}
	for i := range 1500 { // enough for several checkpoints of a thousand pages
		by := s
		if i%3 == 0 {
			by = other
		}
		if err := by.CreateUser(ctx, User{Username: NewID(), FullName: string(make([]byte, 2000))}); err != nil {
			t.Fatal(err)
		}
		if index, counter := both(); !index || !counter {
			t.Fatalf("commit %d: the index says %t, the counter %t", i, index, counter)
		}
		if index, counter := both(); index || counter {
			t.Fatalf("after commit %d: the index says %t, the counter %t", i, index, counter)
		}
	}
}

func BenchmarkChanged(b *testing.B) {
	s, err := Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "usher.db"), Options{Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d := s.dialect.(*sqliteDB)
	for name, index := range map[string]*walIndex{"index": d.index, "pragma": nil} {
		b.Run(name, func(b *testing.B) {
			d.index = index
			for b.Loop() {
				if _, err := d.changed(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
