// Command bench measures usher beside the least that a server could do, and both in
// the same run: it builds usher, starts it on each engine, drives it from a second
// process (bench/load), does the same to bench/bare, and compares. What it measures
// and how is told in docs/performance.md, which it writes.
//
// Speed is no test: a goal that is missed is printed as missed, and only what could
// not be measured makes the exit status 1. It needs Linux, for /proc.
package main
