// Package recent remembers what was used of late: for values that are dear to
// make and can never be stale, because all that they depend on is in their key.
package recent

import "sync"

// A Map remembers about a given number of values. When its young generation is
// full it becomes the old one: what was not used for a whole generation is then
// forgotten. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	mu         sync.RWMutex // guards the generations
	young, old map[K]V
	maximum    int
}

// New returns a Map of about n values.
func New[K comparable, V any](n int) *Map[K, V] {
	return &Map[K, V]{young: map[K]V{}, maximum: max(1, n/2)}
}

// Get returns the value under k, and keeps it from being forgotten.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	m.mu.RLock()
	v, ok = m.young[k]
	aged := !ok
	if aged {
		v, ok = m.old[k]
	}
	m.mu.RUnlock()
	if aged && ok {
		m.Put(k, v)
	}
	return v, ok
}

// Put remembers v under k.
func (m *Map[K, V]) Put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.maximum {
		m.old, m.young = m.young, make(map[K]V, m.maximum)
	}
	m.young[k] = v
}

// Len is how many values are held, those counted twice that are in both
// generations.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.young) + len(m.old)
}

// Forget drops what is under k, and gives each value that it dropped to last.
func (m *Map[K, V]) Forget(k K, last func(V)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, generation := range []map[K]V{m.young, m.old} {
		if v, ok := generation[k]; ok {
			last(v)
			delete(generation, k)
		}
	}
}
