package main

import (
	"runtime"
	"testing"
	"time"
)

// Not beside others: it changes what all of the process run on.
func TestSparePsComeWithAHashAndGoWithTheLast(t *testing.T) { //nolint:paralleltest // see above
	base := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(base)
	idle := false
	p := &processors{spare: 2}
	want := func(when string, n int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != n {
			t.Errorf("%s: got %d Ps, want %d", when, got, n)
		}
	}
	want("before the first hash", base)
	p.hashing()
	p.hashing()
	want("while something is hashed", base+2)
	p.settle(p.last.Add(sparesEnd-time.Second), func() bool { return true })
	want("shortly after the last hash", base+2)
	p.settle(p.last.Add(sparesEnd), func() bool { return idle })
	want("while a long one is under way", base+2)
	idle = true
	p.settle(p.last.Add(sparesEnd), func() bool { return idle })
	want("a while after the last hash", base)
	p.settle(p.last.Add(2*sparesEnd), func() bool { return idle })
	want("later", base)
	p.hashing()
	want("with the next hash", base+2)
}
