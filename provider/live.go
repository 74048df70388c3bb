package provider

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-oauth/usher/accesstoken"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// live is what this process knows of the signing keys, of the audiences they sign for,
// and of everything that ended before its time. refresh brings it up to the moment.
type live struct {
	store     *storage.Store
	load      KeyLoader
	directory *directory

	ring     atomic.Pointer[keys.Ring]
	profiles atomic.Pointer[profiles] // of the same version as the ring, or newer

	refreshMu   sync.Mutex // held from asking whether anything changed to having read it
	behind      bool       // a change was seen and could not be read yet
	seq         int64      // newest revocation known
	keysVersion int64
	dirVersion  int64     // of the directory
	lineage     int64     // of the database that all three are of
	failed      time.Time // when the last read failed, and how
	failure     error

	mu    sync.RWMutex
	ended map[endedKey]storage.Revocation
}

type endedKey struct {
	kind storage.Kind
	key  string
}

func newLive(store *storage.Store, load KeyLoader) *live {
	return &live{store: store, load: load, directory: newDirectory(store), behind: true, keysVersion: -1, dirVersion: -1, ended: make(map[endedKey]storage.Revocation)}
}

// refresh returns once everything committed before the call is known, whichever
// process committed it; on a database server, what other nodes committed in the
// last second may be missing. A caller that gets an error must not accept a token.
func (l *live) refresh(ctx context.Context) error {
	asked := time.Now()
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	if l.failed.After(asked) {
		// Someone else asked later than we and found the database gone. Were each
		// to find out by itself, one after the other, the last would wait for ever.
		return l.failure
	}
	changed, err := l.store.Changed(ctx)
	if err != nil {
		return err
	}
	if l.behind = l.behind || changed; !l.behind {
		return nil
	}
	began := time.Now()
	if err := l.read(ctx); err != nil {
		if ctx.Err() == nil {
			l.failed, l.failure = began, err
		}
		return err
	}
	l.behind = false
	return nil
}

func (l *live) read(ctx context.Context) error {
	if lineage := l.store.Lineage(); lineage != l.lineage {
		l.seq, l.keysVersion, l.dirVersion, l.lineage = 0, -1, -1, lineage
	}
	now, err := l.store.Versions(ctx)
	if err != nil {
		return err
	}
	if now.Directory != l.dirVersion {
		l.directory.forget()
		l.dirVersion = now.Directory
	}
	if now.Revocations != l.seq {
		list, err := l.store.Revocations(ctx, l.seq)
		if err != nil {
			return fmt.Errorf("reading revocations: %w", err)
		}
		l.mu.Lock()
		for _, r := range list {
			l.ended[endedKey{r.Kind, r.Key}] = r
			l.seq = r.Seq
		}
		l.mu.Unlock()
	}
	if now.SigningKeys != l.keysVersion {
		ring, version, err := l.load(ctx)
		if err != nil {
			return fmt.Errorf("reading signing keys: %w", err)
		}
		// After the version: a change in between moves it again.
		audiences, err := l.store.Audiences(ctx)
		if err != nil {
			return fmt.Errorf("reading audiences: %w", err)
		}
		known := make(profiles, len(audiences))
		for _, a := range audiences {
			known[a.URI] = a
		}
		l.ring.Store(ring)
		l.profiles.Store(&known)
		l.keysVersion = version
	}
	return nil
}

// active reports whether nothing has ended the token. After an error it must not be
// accepted.
func (l *live) active(ctx context.Context, c accesstoken.Claims) (bool, error) {
	ended, sure := l.look(c)
	if !ended || sure {
		return !ended, nil
	}
	// The newest event that is known here may be older than the token: another node
	// issued it under an epoch that this one has not heard of yet.
	l.doubt()
	if err := l.refresh(ctx); err != nil {
		return false, err
	}
	ended, _ = l.look(c)
	return !ended, nil
}

// doubt has the next refresh read what there is, whatever this process has heard.
func (l *live) doubt() {
	l.refreshMu.Lock()
	defer l.refreshMu.Unlock()
	l.behind = true
}

// look reports whether something ended the token, as far as refresh last learned,
// and whether that is sure: what ended a token or a login ended it for good, but
// an event of a user or a client leaves alone what was issued after it.
func (l *live) look(c accesstoken.Claims) (ended, sure bool) {
	id, ok := accesstoken.ParseID(c.ID)
	if !ok {
		return true, true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, ended := l.ended[endedKey{storage.KindToken, c.ID}]; ended {
		return true, true
	}
	if id.Grant != "" {
		if _, ended := l.ended[endedKey{storage.KindGrant, id.Grant}]; ended {
			return true, true
		}
		if r, found := l.ended[endedKey{storage.KindUser, c.Subject}]; found && r.Covers(id.Grant, id.UserEpoch) {
			return true, false
		}
	}
	r, found := l.ended[endedKey{storage.KindClient, c.ClientID}]
	return found && r.Covers("", id.ClientEpoch), false
}

// forget drops what concerns only expired tokens. It looks for that beside those
// who read: among a million it takes long enough to be felt.
func (l *live) forget(now time.Time) {
	var past []endedKey
	l.mu.RLock()
	for key, r := range l.ended {
		if !now.Before(r.Until) {
			past = append(past, key)
		}
	}
	l.mu.RUnlock()
	if past == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range past {
		if !now.Before(l.ended[key].Until) { // it may have been revoked anew
			delete(l.ended, key)
		}
	}
}
