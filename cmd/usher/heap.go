package main

import "os"

// unusedHeap is memory, in bytes, that is counted by the garbage collector and never
// touched, so that no machine has to have it. Go collects when the heap has grown to
// twice of what lives. Here some 6 MB live, and each request leaves 10 KB: that would
// be thousands of collections a minute, a third of the time of a request that hashes
// nothing. With these bytes the heap grows to some 80 MB, of which 45 are real, and
// what lives still counts double: GOGC=400 would cost four times as much where much
// lives.
const unusedHeap = 32 << 20

// newUnusedHeap returns what has to be kept for as long as the server runs: nothing
// where the operator knows better.
func newUnusedHeap() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, unusedHeap)
}
