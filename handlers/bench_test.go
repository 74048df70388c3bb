package handlers_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What stands around every handler: compare with the bare one.
func BenchmarkFront(b *testing.B) {
	quiet := func(c *settings) { c.Log = slog.New(slog.DiscardHandler) }
	s := newServer(b, quiet)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}`))
	})
	for _, bb := range []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"usher", s.public}} {
		b.Run(bb.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
			b.ReportAllocs()
			for b.Loop() {
				bb.h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
