// Package arrows keeps the arrows between the packages pointing downwards. It is
// a test and nothing else.
package arrows
