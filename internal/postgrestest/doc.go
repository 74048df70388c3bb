// Package postgrestest gives tests a real PostgreSQL: the server that
// USHER_TEST_POSTGRES names, by a superuser's URL, else a throw-away cluster of the
// binaries on this machine. It never skips: a test of an engine that did not run has
// shown nothing.
package postgrestest
