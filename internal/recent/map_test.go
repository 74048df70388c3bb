package recent_test

import (
	"sync"
	"testing"

	"github.com/usher-oauth/usher/internal/recent"
)

func TestTheNewestAreThere(t *testing.T) {
	t.Parallel()
	var m recent.Map[int, int]
	if v, ok := m.Get(1); ok {
		t.Errorf("an empty map has %d", v)
	}
	const last = 100_000
	for i := range last + 1 {
		m.Put(i, -i)
	}
	for i := last - 4095; i <= last; i++ {
		if v, ok := m.Get(i); !ok || v != -i {
			t.Fatalf("%d of %d: got %d, %t, want %d", i, last, v, ok, -i)
		}
	}
	held := 0
	for i := range last + 1 {
		if _, ok := m.Get(i); ok {
			held++
		}
	}
	if held > 8192 {
		t.Errorf("got %d entries, want 8192 at most", held)
	}
	m.Put(last, 7)
	if v, _ := m.Get(last); v != 7 {
		t.Errorf("put again: got %d, want 7", v)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var m recent.Map[int, int]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10_000 {
				m.Put(i, i)
				if v, ok := m.Get(i); ok && v != i {
					t.Errorf("got %d, want %d", v, i)
				}
			}
		})
	}
	wg.Wait()
}
