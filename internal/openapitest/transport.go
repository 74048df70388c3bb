package openapitest

import (
	"bytes"
	"io"
	"net/http"
)

// Transport is an http.RoundTripper that checks the answers of usher, which have an
// X-Request-Id, and leaves others alone.
type Transport struct {
	Base   http.RoundTripper
	Report func(error) // gets every departure from the document
}

// RoundTrip sends r and checks what comes back.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	res, err := t.Base.RoundTrip(r)
	if err != nil || res.Header.Get("X-Request-Id") == "" || res.StatusCode == http.StatusSwitchingProtocols {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	if err == nil {
		if err := Check(Exchange{Request: r, Sent: sent, Status: res.StatusCode, Header: res.Header, Body: body}); err != nil {
			t.Report(err)
		}
	}
	return res, nil
}

// failing is the end of a body: the error that reading it ended with, if any.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
