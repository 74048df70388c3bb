// Package audit keeps a record of what matters to security: who did what, by which
// client, from where, and what came of it.
package audit
