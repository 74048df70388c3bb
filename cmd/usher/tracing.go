package main

import (
	"context"
	"net/http"
	"time"

	"github.com/usher-oauth/usher/tracing"
)

// tracers are what the parts of a server trace by; all are nil where nothing is traced.
type tracers struct {
	requests  func(http.Handler) http.Handler
	parts     func(context.Context, string) (context.Context, func(error))
	statement func(context.Context, string) (context.Context, func(error))
	stop      func() error
}

// lastSpans is how long sending the last spans may take.
const lastSpans = 5 * time.Second

// openTracing begins to trace where the environment says so.
func (s *server) openTracing(ctx context.Context) error {
	t, err := tracing.Start(ctx, readBuildInfo().Version, func(err error) {
		s.log.WarnContext(ctx, "spans could not be sent", "err", err)
	})
	if t == nil || err != nil {
		return err
	}
	s.trace = tracers{requests: t.Handler, parts: t.Span, statement: t.Statement, stop: func() error {
		// Its own context: the one of the server has ended.
		ctx, cancel := context.WithTimeout(context.Background(), lastSpans)
		defer cancel()
		return t.Stop(ctx)
	}}
	return nil
}
