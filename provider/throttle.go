package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// throttle is what a provider needs to have guesses counted. The counters are in
// the database; see package storage for the limits.
type throttle struct {
	key     atomic.Pointer[[]byte]
	clients *blockedClients
	refused map[storage.Limit]*atomic.Uint64
}

func newThrottle() *throttle {
	t := &throttle{clients: newBlockedClients(), refused: make(map[storage.Limit]*atomic.Uint64)}
	for _, l := range storage.Limits() {
		t.refused[l] = new(atomic.Uint64)
	}
	return t
}

// Limits returns the names of the limits that Figures.Throttled counts by.
func Limits() []string {
	var names []string
	for _, l := range storage.Limits() {
		names = append(names, string(l))
	}
	return names
}

// figures are the guesses refused so far.
func (t *throttle) figures() map[string]uint64 {
	counts := make(map[string]uint64, len(t.refused))
	for l, n := range t.refused {
		counts[string(l)] = n.Load()
	}
	return counts
}

// markBytes is long enough that no two guesses are taken for one.
const markBytes = 12

// mac hashes what is kept of a guess. Names that are no user's are often passwords
// typed into the wrong field, and wrong passwords are often right ones elsewhere:
// without the master key neither can be found out, not even by trying.
func (t *throttle) mac(kind, account, text string) string {
	h := hmac.New(sha256.New, *t.key.Load())
	for _, part := range []string{kind, account, text} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:markBytes])
}

// nobody is the account of a name that is no user's. It is counted like any other,
// or counting would tell which names are.
func (t *throttle) nobody(name string) string { return "?" + t.mac("name", "", name) }

// network is the network an address is counted by: the address itself, and for IPv6
// the /64 that is given to one customer or one machine (RFC 6177 §2).
func network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		if !addr.IsValid() {
			return ""
		}
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		panic(err) // only where 64 bits were too many
	}
	return prefix.String()
}

// guess checks a password that was tried at an account, unless too many were
// already. It is counted first, so that no number of guesses at once gets by.
// Whoever finds it right tells the store, or the guess remains a failure.
func (p *Provider) guess(ctx context.Context, user *storage.User, account, password string, from netip.Addr) (storage.Charged, bool, error) {
	// What is refused for want of time must not fill the database with failures.
	if err := p.cfg.Pool.Admits(); err != nil {
		return storage.Charged{}, false, p.overloaded(err)
	}
	charged, err := p.cfg.Store.Charge(ctx, storage.Guess{
		Account: account, Network: network(from), Mark: p.throttle.mac("password", account, password),
	})
	if err != nil {
		return charged, false, p.throttled(ctx, err)
	}
	ok, err := p.checkPassword(ctx, user, password)
	if ok || errors.Is(err, credentials.ErrBusy) {
		return charged, ok, err
	}
	// Also for those who did not stay to hear it, or hashing would be free for them.
	if err := errors.Join(err, p.cfg.Store.GuessedWrong(context.WithoutCancel(ctx), charged)); err != nil {
		return charged, false, err
	}
	return charged, false, nil
}

// throttled turns a refused guess into an answer, and leaves other errors as they
// are.
func (p *Provider) throttled(ctx context.Context, err error) error {
	var t *storage.ThrottledError
	if !errors.As(err, &t) {
		return err
	}
	p.throttle.refused[t.By].Add(1)
	audit.Of(ctx).Reason = "throttled: " + string(t.By)
	return &Problem{
		Status:      http.StatusTooManyRequests, // RFC 6585 §4
		Code:        codeUnavailable,
		Description: fmt.Sprintf("Too many attempts have failed. Try again in %s.", inWords(t.After)),
		RetryAfter:  t.After,
		cause:       err,
	}
}

// inWords says how long to wait, never shorter than it is.
func inWords(d time.Duration) string {
	unit, name := time.Second, "second"
	if d > 2*time.Minute {
		unit, name = time.Minute, "minute"
	}
	if n := (d + unit - 1) / unit; n > 1 {
		return fmt.Sprintf("%d %ss", n, name)
	}
	return "1 " + name
}
