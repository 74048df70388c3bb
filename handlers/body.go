package handlers

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/usher-oauth/usher/provider"
)

const (
	maxBody  = 64 << 10         // bytes; far more than any request here needs
	bodyTime = 15 * time.Second // for the whole body, from the end of the headers
)

var (
	errBodyTooLarge = &provider.Problem{Status: http.StatusRequestEntityTooLarge, Code: "invalid_request", Description: "The body is larger than 64 KiB."}
	errBodyTooSlow  = &provider.Problem{Status: http.StatusRequestTimeout, Code: "invalid_request", Description: "The body took longer than 15 seconds."}
	errBodyBroken   = &provider.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Description: "The body ended early or is not validly encoded."}
)

// limitBodyTime gives the client bodyTime to send its body, whether a handler
// reads that or net/http throws it away to keep the connection.
func limitBodyTime(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	return setReadDeadline(w, time.Now().Add(bodyTime))
}

// readBody reads the whole body before any work is done.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // rather than take in the rest
		return nil, errBodyTooLarge
	}
	body, err := readAll(w, r)
	if err != nil {
		w.Header().Set("Connection", "close")
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return nil, errBodyTooLarge
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, errBodyTooSlow
		default:
			return nil, errBodyBroken
		}
	}
	// From here on net/http reads ahead to notice a client that leaves. The
	// deadline would look like one, and cancel a request that still waits for
	// its password to be hashed.
	if err := setReadDeadline(w, time.Time{}); err != nil {
		return nil, err
	}
	return body, nil
}

// readAll reads to the end, so that a body of another length than was announced is
// noticed. The announced length is worth some memory before a byte of it has come, but
// no more than that: anyone can announce.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	const worth = 2 << 10
	var body bytes.Buffer
	if r.ContentLength >= 0 {
		body.Grow(int(min(r.ContentLength, worth)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	return body.Bytes(), err
}

// setReadDeadline ends reading from the client at t. A connection that has no
// deadlines, such as one of net/http/httptest, is left as it is.
func setReadDeadline(w http.ResponseWriter, t time.Time) error {
	err := http.NewResponseController(w).SetReadDeadline(t)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
