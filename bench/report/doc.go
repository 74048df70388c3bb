// Package report says what a run of the benchmark came to: as a table for a
// terminal, as a line of the history, and as the page docs/performance.md with its
// picture.
package report
