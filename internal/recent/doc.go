// Package recent remembers the newest of many things, in bounded memory.
//
// It owns the forgetting. It refuses to know what is remembered, and whether that is
// still true.
package recent
