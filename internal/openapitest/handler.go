package openapitest

import (
	"bytes"
	"io"
	"net/http"
)

// Handler is next with every exchange checked.
func Handler(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := &tap{ReadCloser: r.Body}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = sent
		}
		request := r.Clone(r.Context()) // as it came: next may change it
		a := &answer{ResponseWriter: w}
		next.ServeHTTP(a, r)
		err := Check(Exchange{Request: request, Sent: sent.read.Bytes(), Status: a.code(), Header: a.header, Body: a.body.Bytes()})
		if err != nil {
			report(err)
		}
	})
}

// tap keeps what is read through it.
type tap struct {
	io.ReadCloser
	read bytes.Buffer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.read.Write(p[:n])
	return n, err
}

// answer keeps what is written through it.
type answer struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status, a.header = status, a.Header().Clone()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	a.body.Write(p)
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// code is what net/http sends for a handler that wrote nothing.
func (a *answer) code() int {
	if a.status == 0 {
		a.status, a.header = http.StatusOK, a.Header().Clone()
	}
	return a.status
}
