package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans and sends them, until it is stopped.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// Start returns a tracer that sends spans by OTLP over HTTP to where the variables
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT say, or nil where
// neither is set. The other variables of OpenTelemetry count too: OTEL_TRACES_SAMPLER,
// OTEL_SERVICE_NAME and so on. What goes wrong later is told to fault.
func Start(ctx context.Context, version string, fault func(error)) (*Tracer, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting to trace: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "usher"), attribute.String("service.version", version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("starting to trace: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(fault))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracer{provider, provider.Tracer("github.com/usher-oauth/usher")}, nil
}

// Stop sends what is left, for as long as ctx allows. A nil tracer has nothing.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last spans: %w", err)
	}
	return nil
}

// Span begins a part of what ctx belongs to, and returns what ends it. Where that is
// not traced it does nothing.
func (t *Tracer) Span(ctx context.Context, name string) (context.Context, func(error)) {
	return t.begin(ctx, name)
}

// Statement is [Tracer.Span] for a statement of SQL, whose text has no values in it.
func (t *Tracer) Statement(ctx context.Context, text string) (context.Context, func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nothing
	}
	text = strings.Join(strings.Fields(text), " ")
	operation, _, _ := strings.Cut(text, " ")
	return t.begin(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.query.text", text)))
}

func (t *Tracer) begin(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nothing
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "") // what it says may name who it is about
		}
		span.End()
	}
}

func nothing(error) {}
