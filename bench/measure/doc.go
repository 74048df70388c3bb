// Package measure has what the benchmark's programs share: the words in which one
// is told what to do and says what it saw, and the statistics of many such answers.
package measure
