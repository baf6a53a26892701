package blob

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// Memory returns a Store that forgets all when the process ends.
func Memory() Store { return &memory{bodies: map[ID][]byte{}} }

type memory struct {
	mu     sync.RWMutex // guards bodies
	bodies map[ID][]byte
}

// Create implements Store.
func (m *memory) Create(_ context.Context, id ID) (Writer, error) {
	return &memoryWriter{of: m, id: id}, nil
}

// Open implements Store.
func (m *memory) Open(_ context.Context, id ID, off, n int64) (io.ReadCloser, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	b, ok := m.bodies[id]
	if !ok {
		return nil, ErrNotFound
	}
	b = b[min(off, int64(len(b))):]
	if n >= 0 {
		b = b[:min(n, int64(len(b)))]
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Delete implements Store.
func (m *memory) Delete(_ context.Context, id ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bodies, id)
	return nil
}

// Quarantine implements Store. There is no disk to be damaged.
func (m *memory) Quarantine(ctx context.Context, id ID) error { return m.Delete(ctx, id) }

type memoryWriter struct {
	of  *memory
	id  ID
	buf bytes.Buffer
}

// Write implements io.Writer.
func (w *memoryWriter) Write(p []byte) (int, error) { return w.buf.Write(p) }

// Commit implements Writer.
func (w *memoryWriter) Commit() error {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.of.bodies[w.id] = w.buf.Bytes()
	return nil
}

// Abort implements Writer.
func (w *memoryWriter) Abort() {}
