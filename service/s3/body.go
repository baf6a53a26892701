package s3

import (
	"context"
	"errors"
	"io"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/blob/sealed"
	"github.com/garrison-cloud/garrison/internal/store"
)

// An inline is a body that is small enough for the store. Bodies lie beside the rows
// that name them, so that a list doesn't read them.
type inline struct {
	ID   blob.ID `cbor:"1,keyasint"`
	Data []byte  `cbor:"2,keyasint"`
}

var inlines = store.NewTable("s3.inline",
	func(i *inline) store.Key { return store.K(i.ID[:]) }, store.Unwatched[inline]())

// Names of the two layers in the derivation of keys.
const (
	innerLayer = "s3 inner "
	outerLayer = "s3 outer "
)

// keys are those of one body's layers; outer is nil where there is one layer only.
func (s *secrets) keys(id blob.ID) (inner, outer *sealed.Key, err error) {
	if len(s.inner) != sealed.KeySize || s.outer != nil && len(s.outer) != sealed.KeySize {
		return nil, nil, errors.New("an object's secret has not its length")
	}
	k, err := sealed.DeriveKey(s.inner, innerLayer+id.String())
	if err != nil || s.outer == nil {
		return &k, nil, err
	}
	o, err := sealed.DeriveKey(s.outer, outerLayer+id.String())
	return &k, &o, err
}

func (s *secrets) sealSmall(id blob.ID, plain []byte) ([]byte, error) {
	inner, outer, err := s.keys(id)
	if err != nil {
		return nil, err
	}
	b, err := sealed.SealSmall(inner, plain)
	if err == nil && outer != nil {
		b, err = sealed.SealSmall(outer, b)
	}
	return b, err
}

func (s *secrets) openSmall(id blob.ID, b []byte) ([]byte, error) {
	inner, outer, err := s.keys(id)
	if err != nil {
		return nil, err
	}
	if outer != nil {
		if b, err = sealed.OpenSmall(outer, b); err != nil {
			return nil, err
		}
	}
	return sealed.OpenSmall(inner, b)
}

// writer seals what is written to it, layer by layer.
func (s *secrets) writer(id blob.ID, w io.Writer) (io.WriteCloser, error) {
	inner, outer, err := s.keys(id)
	if err != nil {
		return nil, err
	}
	if outer == nil {
		return sealed.NewWriter(w, inner)
	}
	last, err := sealed.NewWriter(w, outer)
	if err != nil {
		return nil, err
	}
	first, err := sealed.NewWriter(last, inner)
	if err != nil {
		return nil, err
	}
	return &layered{WriteCloser: first, below: last}, nil
}

// layered closes the layer below too.
type layered struct {
	io.WriteCloser
	below io.Closer
}

// Close implements io.Closer.
func (l *layered) Close() error {
	if err := l.WriteCloser.Close(); err != nil {
		return err
	}
	return l.below.Close()
}

// A piece is a part of one body: n plain bytes from off of size.
type piece struct {
	id           blob.ID
	sealed       blob.ID // what its keys are derived of
	off, n, size int64
}

// openPiece reads a piece of a body that lies in the depot.
func (s *Service) openPiece(ctx context.Context, k *secrets, p piece) (io.ReadCloser, error) {
	inner, outer, err := k.keys(p.sealed)
	if err != nil {
		return nil, err
	}
	in, err := sealed.Part(p.off, p.n, p.size)
	if err != nil {
		return nil, err
	}
	lowest := in
	if outer != nil {
		if lowest, err = sealed.Part(in.Off, in.Size, sealed.Size(p.size)); err != nil {
			return nil, err
		}
	}
	f, err := s.depot.Open(ctx, p.id, lowest.Off, lowest.Size)
	if err != nil {
		return nil, err
	}
	r := io.Reader(f)
	if outer != nil {
		r, err = sealed.NewReader(r, outer, lowest)
	}
	if err == nil {
		r, err = sealed.NewReader(r, inner, in)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &pieceReader{Reader: r, Closer: f, of: s, ctx: ctx, id: p.id}, nil
}

// A pieceReader puts a body that turns out damaged into quarantine.
type pieceReader struct {
	io.Reader
	io.Closer
	of  *Service
	ctx context.Context //nolint:containedctx // a reader lives as long as its call
	id  blob.ID
}

// Read implements io.Reader.
func (r *pieceReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, sealed.ErrDamaged) {
		r.of.depot.Quarantine(r.ctx, r.id, err)
	}
	return n, err
}
