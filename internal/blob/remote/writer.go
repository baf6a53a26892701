package remote

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/minio/minio-go/v7"
)

// A writer holds a short body until it is whole, and streams a longer one by parts.
type writer struct {
	of   *Remote
	ctx  context.Context //nolint:containedctx // a writer lives as long as its call
	name string
	buf  bytes.Buffer
	pipe *io.PipeWriter // nil while the body is short
	done chan error
}

var errAborted = errors.New("the body was given up")

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.pipe != nil {
		return w.pipe.Write(p)
	}
	if w.buf.Len()+len(p) <= partSize {
		return w.buf.Write(p)
	}
	w.stream()
	if _, err := w.pipe.Write(w.buf.Bytes()); err != nil {
		return 0, err
	}
	w.buf = bytes.Buffer{}
	return w.pipe.Write(p)
}

// stream begins an upload by parts. What is given up is aborted there by the client,
// because its source fails.
func (w *writer) stream() {
	r, pipe := io.Pipe()
	w.pipe, w.done = pipe, make(chan error, 1)
	go func() {
		_, err := w.of.core.Client.PutObject(w.ctx, w.of.bucket, w.name, r, -1, minio.PutObjectOptions{PartSize: partSize, NumThreads: 1})
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // it never fails
		w.done <- err
	}()
}

// Commit implements blob.Writer.
func (w *writer) Commit() error {
	if w.pipe == nil {
		_, err := w.of.core.Client.PutObject(w.ctx, w.of.bucket, w.name, &w.buf, int64(w.buf.Len()), minio.PutObjectOptions{})
		return err
	}
	_ = w.pipe.Close() // it never fails
	return <-w.done
}

// Abort implements blob.Writer.
func (w *writer) Abort() {
	if w.pipe == nil {
		return
	}
	_ = w.pipe.CloseWithError(errAborted) // it never fails
	<-w.done
}
