package handlers

import (
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/provider"
)

// metrics are those of one server, on a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	series   atomic.Pointer[map[seriesLabels]series] // those of requests and duration that were used
	shed     *prometheus.CounterVec
	issued   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	reused   prometheus.Counter
}

func newMetrics(version string, hashing func() credentials.PoolStats, figures func() provider.Figures) *metrics {
	labels := []string{"route", "method", "status"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "usher_http_requests_in_flight",
			Help: "Requests being answered.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total",
			Help: "Requests answered.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_http_request_duration_seconds",
			Help: "Time from the end of a request's headers to the end of its answer.",
			// From a signature check (under a millisecond) to a login that waited.
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, labels),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_shed_total",
			Help: "Requests refused because as many of their class were being answered as the server takes.",
		}, []string{"class"}),
		issued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_tokens_issued_total",
			Help: "Access tokens issued, by grant type and client.",
		}, []string{"grant", "client"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_refusals_total",
			Help: "Requests that were not granted, by the error that was answered.",
		}, []string{"error"}),
		reused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usher_refresh_token_reuse_total",
			Help: "Used refresh tokens that came again and ended their session.",
		}),
	}
	m.series.Store(&map[seriesLabels]series{})
	m.registry.MustRegister(m.inFlight, m.requests, m.duration, m.shed, m.issued, m.refused, m.reused, buildInfo(version),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(databaseMetrics(figures)...)
	m.registry.MustRegister(throttleMetrics(figures)...)
	m.registry.MustRegister(keyMetrics(figures)...)
	if hashing != nil {
		m.registry.MustRegister(hashingMetrics(hashing)...)
	}
	return m
}

// exposition answers GET /metrics.
func (s *server) exposition() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelError),
	})
}

// count adds a request that took so long. The labels take few values, whatever
// clients send: each set of values is kept for as long as the process lives.
func (m *metrics) count(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none" // an empty label is no label, and graphs have no name for it
	}
	of := m.of(seriesLabels{route, knownMethod(method), statusClass(status)})
	of.requests.Inc()
	of.duration.Observe(took.Seconds())
}

// seriesLabels are the labels of what is counted of requests.
type seriesLabels struct{ route, method, status string }

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// of returns what counts requests with these labels. To find it in the vectors takes
// several times as long.
func (m *metrics) of(labels seriesLabels) series {
	for {
		known := m.series.Load()
		if s, found := (*known)[labels]; found {
			return s
		}
		more := maps.Clone(*known)
		more[labels] = series{
			m.requests.WithLabelValues(labels.route, labels.method, labels.status),
			m.duration.WithLabelValues(labels.route, labels.method, labels.status),
		}
		m.series.CompareAndSwap(known, &more)
	}
}

// event counts what a request was about. The labels are the clients that exist.
func (m *metrics) event(r *audit.Record) {
	switch r.Event {
	case audit.Reuse:
		m.reused.Inc()
	case audit.Login, audit.Refresh, audit.ClientToken:
		if r.Outcome == audit.OK {
			m.issued.WithLabelValues(grantOf[r.Event], r.Client).Inc()
		}
	}
}

// grantOf are the grant types by event.
var grantOf = map[string]string{audit.Login: "password", audit.Refresh: "refresh_token", audit.ClientToken: "client_credentials"}

func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	default:
		return "other"
	}
}

func statusClass(status int) string {
	switch status / 100 {
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	default:
		return "5xx"
	}
}

func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "usher_build_info",
		Help:        "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}
