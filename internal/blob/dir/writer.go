package dir

import (
	"errors"
	"os"
	"path/filepath"
)

// flushStep is after how many bytes the kernel is asked to begin writing, so that the
// sync at the end finds little left to do.
const flushStep = 8 << 20

// A writer writes one file.
type writer struct {
	file             *os.File
	written, flushed int64
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.written += int64(n)
	if w.written-w.flushed >= flushStep {
		flush(w.file, w.flushed, w.written-w.flushed)
		w.flushed = w.written
	}
	return n, full(err)
}

// Commit implements blob.Writer: the bytes are synced, and then the name.
func (w *writer) Commit() error {
	err := w.file.Sync()
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = syncDir(filepath.Dir(w.file.Name()))
	}
	if err != nil {
		_ = os.Remove(w.file.Name()) // the depot deletes what is left at the next start
	}
	return full(err)
}

// Abort implements blob.Writer.
func (w *writer) Abort() {
	_ = w.file.Close()           // its bytes are thrown away
	_ = os.Remove(w.file.Name()) // the depot deletes what is left at the next start
}
