package s3

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/garrison-cloud/garrison/internal/blob"
)

// bytesBody is a body that is in memory.
func bytesBody(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// aheadSize is how much of a body is read before its answer begins.
const aheadSize = 64 << 10

// ahead reads the beginning of a body, so that damage there is an answer of its own.
func ahead(r io.ReadCloser, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	head := make([]byte, aheadSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(err, r.Close())
	}
	return &joined{Reader: io.MultiReader(bytes.NewReader(head[:n]), r), Closer: r}, nil
}

type joined struct {
	io.Reader
	io.Closer
}

// A partsReader reads an object's parts one after the other.
type partsReader struct {
	of      *Service
	ctx     context.Context //nolint:containedctx // a reader lives as long as its call
	secrets *secrets
	parts   []manifestPart
	skip    int64 // bytes of the first part that aren't wanted
	left    int64
	held    []blob.ID
	open    io.ReadCloser
}

// openParts reads the wanted part of an object that was uploaded in parts. None of its
// bodies is deleted before the reader is closed.
func (s *Service) openParts(ctx context.Context, g *gotten) io.ReadCloser {
	r := &partsReader{of: s, ctx: ctx, secrets: g.secrets, parts: g.parts, skip: g.span.off, left: g.span.n}
	for len(r.parts) > 0 && r.skip >= r.parts[0].Size {
		r.skip -= r.parts[0].Size
		r.parts = r.parts[1:]
	}
	for _, p := range r.parts {
		if !p.Body.Inline {
			r.held = append(r.held, p.Body.ID)
		}
	}
	s.depot.Hold(r.held...)
	return r
}

// Read implements io.Reader.
func (r *partsReader) Read(p []byte) (int, error) {
	for {
		if r.left == 0 {
			return 0, io.EOF
		}
		if r.open == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.open.Read(p[:min(int64(len(p)), r.left)])
		r.left -= int64(n)
		if errors.Is(err, io.EOF) {
			err = r.open.Close()
			r.open = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *partsReader) next() (err error) {
	if len(r.parts) == 0 {
		return io.ErrUnexpectedEOF
	}
	p := r.parts[0]
	n := min(p.Size-r.skip, r.left)
	if p.Body.Inline {
		var plain []byte
		if plain, err = r.of.readInline(r.ctx, r.secrets, p.Body); err == nil {
			r.open = bytesBody(plain[r.skip : r.skip+n])
		}
	} else if n == 0 {
		r.open = bytesBody(nil)
	} else {
		r.open, err = r.of.openPiece(r.ctx, r.secrets, piece{id: p.Body.ID, sealed: p.Body.sealedAs(), off: r.skip, n: n, size: p.Size})
	}
	r.parts, r.skip = r.parts[1:], 0
	return err
}

// Close implements io.Closer.
func (r *partsReader) Close() error {
	r.of.depot.Unhold(r.held...)
	r.held = nil
	if r.open == nil {
		return nil
	}
	return r.open.Close()
}
