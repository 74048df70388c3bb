package handlers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
)

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

// keyMetrics are about the signing keys: what an operator has to know before the next
// step of a rotation, and whether there was one in a year.
func keyMetrics(now func() provider.Figures) []prometheus.Collector {
	var all []prometheus.Collector
	gauge := func(name, help string, state keys.State, value func(provider.KeyFigures) float64) {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"state": string(state)},
		}, func() float64 { return value(now().Keys[state]) }))
	}
	for _, state := range []keys.State{keys.Announced, keys.Signing, keys.Retiring} {
		gauge("usher_signing_keys", "Keys that are published, by state.", state,
			func(f provider.KeyFigures) float64 { return float64(f.Count) })
		gauge("usher_signing_key_next_step_timestamp_seconds", "When the first key of a state goes on to the next; 0 where no time is set.", state,
			func(f provider.KeyFigures) float64 { return timestamp(f.Next) })
	}
	gauge("usher_signing_key_since_timestamp_seconds", "When the key that has signed for the longest began.", keys.Signing,
		func(f provider.KeyFigures) float64 { return timestamp(f.Since) })
	return all
}

// timestamp is a time as Prometheus has it, 0 for none.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func hashingMetrics(now func() credentials.PoolStats) []prometheus.Collector {
	return []prometheus.Collector{
		newHashingWaits(now),
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

// hashingWaits is a histogram that the pool counts.
type hashingWaits struct {
	now  func() credentials.PoolStats
	desc *prometheus.Desc
}

func newHashingWaits(now func() credentials.PoolStats) hashingWaits {
	return hashingWaits{now, prometheus.NewDesc("usher_hashing_wait_seconds", "How long logins and new passwords waited for a hasher.", nil, nil)}
}

// Describe is of [prometheus.Collector].
func (h hashingWaits) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

// Collect is of [prometheus.Collector].
func (h hashingWaits) Collect(ch chan<- prometheus.Metric) {
	s := h.now()
	buckets := make(map[float64]uint64)
	for i, bound := range credentials.WaitBounds() {
		buckets[bound.Seconds()] = s.Waits[i]
	}
	ch <- prometheus.MustNewConstHistogram(h.desc, s.Done+uint64(s.Running), s.Waited.Seconds(), buckets)
}
