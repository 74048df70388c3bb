package tracing

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/usher-oauth/usher/audit"
)

// answered is a ResponseWriter that knows the status of its answer.
type answered interface{ Status() int }

// Handler traces each request to next, as part of what a traceparent header says (W3C
// Trace Context), and leaves the id of the trace in the request's record. The span has
// the method, the route and the status: neither path nor query nor any other header,
// which may hold secrets.
func (t *Tracer) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		audit.Of(ctx).Trace = span.SpanContext().TraceID().String()
		traced := r.WithContext(ctx)
		defer func() {
			r.Pattern = traced.Pattern
			end(span, w, traced)
		}()
		next.ServeHTTP(w, traced)
	})
}

// end names the span by what is known in the end.
func end(span trace.Span, w http.ResponseWriter, r *http.Request) {
	defer span.End()
	method := r.Method
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		method = "_OTHER"
	}
	name := method
	if r.Pattern != "" {
		name += " " + r.Pattern
	}
	span.SetName(name)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", r.Pattern))
	if a, ok := w.(answered); ok {
		span.SetAttributes(attribute.Int("http.response.status_code", a.Status()))
		if a.Status() >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
}
