package handlers

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-oauth/usher/provider"
)

// maxInFlight is how many requests of a class are answered at a time: far more than
// keep any machine busy. Beyond that they would only wait, in memory.
const maxInFlight = 1024

var errOverloaded = &provider.Problem{
	Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", RetryAfter: time.Second,
	Description: "More requests of this kind are being answered than the server takes at once. Try again in a moment.",
}

// class is a kind of requests that share a limit, so that a flood of one leaves the
// others alone. Health and documents belong to none.
type class struct {
	limit int64
	now   atomic.Int64
	shed  prometheus.Counter
}

// enter lets a request in, which has to leave in the end, or refuses it at once. A
// request enters with its whole body: a client that dawdles takes nobody's place.
func (c *class) enter() error {
	if c.now.Add(1) > c.limit {
		c.leave()
		c.shed.Inc()
		return errOverloaded
	}
	return nil
}

func (c *class) leave() { c.now.Add(-1) }

// admission is the classes of one server.
type admission struct {
	passwords class // logins and new passwords; most wait for a hasher, in a queue with a limit of its own
	tokens    class // tokens without a password, and revocations
	checks    class // introspection, and what a bearer token opens
}

func newAdmission(m *metrics) *admission {
	shed := func(name string) prometheus.Counter { return m.shed.WithLabelValues(name) }
	return &admission{
		passwords: class{limit: maxInFlight, shed: shed("passwords")},
		tokens:    class{limit: maxInFlight, shed: shed("tokens")},
		checks:    class{limit: maxInFlight, shed: shed("checks")},
	}
}

// admit is h for the requests that c lets in; it is for those without a body.
func (s *server) admit(c *class, h http.Handler) http.Handler {
	return s.try(func(w http.ResponseWriter, r *http.Request) error {
		if err := c.enter(); err != nil {
			return err
		}
		defer c.leave()
		h.ServeHTTP(w, r)
		return nil
	})
}
