package handlers

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usher-oauth/usher/provider"
)

// Hashing holds the figures of the password hashing pool.
type Hashing struct {
	Waiting, Running int    // logins and new passwords, now
	Done, Refused    uint64 // logins and new passwords, since the start
}

// metrics are those of one server, on a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	shed     *prometheus.CounterVec
}

func newMetrics(version string, hashing func() Hashing, figures func() provider.Figures) *metrics {
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
	}
	m.registry.MustRegister(m.inFlight, m.requests, m.duration, m.shed, buildInfo(version),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(databaseMetrics(figures)...)
	m.registry.MustRegister(throttleMetrics(figures)...)
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
	method, class := knownMethod(method), statusClass(status)
	m.requests.WithLabelValues(route, method, class).Inc()
	m.duration.WithLabelValues(route, method, class).Observe(took.Seconds())
}

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

func databaseMetrics(now func() provider.Figures) []prometheus.Collector {
	gauge := func(name, help string, value func(provider.Figures) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(now()) })
	}
	counter := func(name, help string, value func(provider.Figures) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(now())) })
	}
	return []prometheus.Collector{
		gauge("usher_revocations", "Revocations in memory.",
			func(f provider.Figures) float64 { return float64(f.Revocations) }),
		gauge("usher_feed_age_seconds", "Time since the database last confirmed that no revocation is missing here; above 1, each check asks it.",
			func(f provider.Figures) float64 { return f.FeedAge.Seconds() }),
		gauge("usher_prune_lag_seconds", "How long the oldest dead row has waited to be deleted.",
			func(f provider.Figures) float64 { return f.PruneLag.Seconds() }),
		counter("usher_pruned_rows_total", "Dead rows deleted by this process.",
			func(f provider.Figures) uint64 { return f.Pruned }),
		gauge("usher_database_connections_in_use", "Connections to the database that a request holds.",
			func(f provider.Figures) float64 { return float64(f.ConnectionsInUse) }),
		gauge("usher_database_connections_idle", "Connections to the database that none holds.",
			func(f provider.Figures) float64 { return float64(f.ConnectionsIdle) }),
		counter("usher_database_connection_waits_total", "Requests that waited for a connection to the database.",
			func(f provider.Figures) uint64 { return f.ConnectionWaits }),
	}
}

func throttleMetrics(now func() provider.Figures) []prometheus.Collector {
	var all []prometheus.Collector
	for _, limit := range provider.Limits() {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "usher_throttled_total",
			Help:        "Guesses at passwords and client secrets that were refused unseen, by the limit that did.",
			ConstLabels: prometheus.Labels{"limit": limit},
		}, func() float64 { return float64(now().Throttled[limit]) }))
	}
	return all
}

func hashingMetrics(now func() Hashing) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_hashing_waiting",
			Help: "Logins and new passwords that wait for a hasher.",
		}, func() float64 { return float64(now().Waiting) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_hashing_running",
			Help: "Logins and new passwords being hashed.",
		}, func() float64 { return float64(now().Running) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "usher_hashing_done_total",
			Help: "Logins and new passwords hashed.",
		}, func() float64 { return float64(now().Done) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "usher_hashing_refused_total",
			Help: "Logins and new passwords turned away because too many waited.",
		}, func() float64 { return float64(now().Refused) }),
	}
}
