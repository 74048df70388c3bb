// Package tracing tells an OpenTelemetry collector what the time of a request was
// spent on.
//
// It owns the spans, their names and attributes, and that nothing secret is in them. It
// refuses to know what is traced: others are given its functions.
package tracing
