// Command load puts a server under load and says how it answered: it reads a
// [measure.Job] as JSON from standard input and writes a [measure.Report] to
// standard output. It is a process of its own so that its garbage collection and
// its scheduling are not the server's, nor the benchmark's.
//
// It speaks just enough of HTTP/1.1 (RFC 9112) to cost little beside the server,
// with which it shares the machine: keep-alive, Content-Length and chunks.
package main
