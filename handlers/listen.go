package handlers

import (
	"log/slog"
	"net/http"
	"time"
)

// Server returns a server of h at addr, with a limit on everything a client
// could otherwise take its time with: 10 s for the headers of a request, 32 KiB
// of them, 60 s for an answer, and two minutes between requests. What net/http
// has to say, such as of failed TLS handshakes, goes to log.
//
// There is no ReadTimeout because the handlers limit bodies themselves, and lift
// the limit once a body is read: one that passes while a request still waits
// would cancel it.
func Server(addr string, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      time.Minute, // longer than a body and the wait for a hasher together
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// "OPTIONS *" would be answered by net/http, without a request id or a log line.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
