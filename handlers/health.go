package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// readyTime is how long GET /readyz waits for the database. Probes give up
// sooner or later; the answer should come first.
const readyTime = 3 * time.Second

type health struct {
	Status string `json:"status"`
}

// healthz answers GET /healthz: the process serves requests. It asks nothing
// of the database, whose absence a restart would not cure.
func (s *server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, health{"ok"})
}

// readyz answers GET /readyz: requests that need the database and a signing
// key can be served. Why they can't is told in the log, not to everyone.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "not ready",
			slog.String("request_id", requestID(w)), slog.Any("err", err))
		return writeJSON(w, http.StatusServiceUnavailable, health{"unavailable"})
	}
	return writeJSON(w, http.StatusOK, health{"ready"})
}
