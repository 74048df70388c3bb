package recent

import "sync"

// half is how many entries each half of a Map holds.
const half = 4096

// Map holds between the last 4,096 and the last 8,192 entries that were put into it.
// Forgetting half of them at once costs less than to know the oldest, and reading
// changes nothing, so that readers don't wait for each other. The zero value is empty
// and ready; it is safe for concurrent use.
type Map[K comparable, V any] struct {
	mu           sync.RWMutex
	newer, older map[K]V
}

// Get returns what was put at a key, if it is still there.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.newer[key]
	if !ok {
		v, ok = m.older[key]
	}
	return v, ok
}

// Put keeps v at a key, in place of what was there.
func (m *Map[K, V]) Put(key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newer == nil || len(m.newer) >= half {
		m.newer, m.older = make(map[K]V), m.newer
	}
	m.newer[key] = v
}
