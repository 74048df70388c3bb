package handlers

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// Thousands of clients that announce a large body and send one byte must not fill the
// memory.
func TestABodyTakesLittleMemoryBeforeItComes(t *testing.T) {
	t.Parallel()
	gone := errors.New("the client went away")
	r := httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader("g"), iotest.ErrReader(gone)))
	r.ContentLength = maxBody
	body, err := readAll(httptest.NewRecorder(), r)
	if string(body) != "g" || !errors.Is(err, gone) {
		t.Errorf("got %q (%v), want what came, and why it ended", body, err)
	}
	if cap(body) > 4<<10 {
		t.Errorf("it takes %d bytes, want 4 KiB at most", cap(body))
	}
}

// HTTP/2 tells late of a body that is longer than announced (RFC 9113, section 8.1.1).
func TestABodyIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	longer := errors.New("longer than announced")
	r := httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader("a=b"), iotest.ErrReader(longer)))
	r.ContentLength = 3
	if _, err := readAll(httptest.NewRecorder(), r); !errors.Is(err, longer) {
		t.Errorf("got %v, want the error after the announced length", err)
	}
}
