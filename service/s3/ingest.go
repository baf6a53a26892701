package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // an ETag is one
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxInline is the longest body that lies in the store.
	maxInline = 16 << 10
	// maxPut is the most bytes that one request puts (S3 User Guide, "Uploading objects").
	maxPut = 5 << 30
	// step is how much of a body is worked on at once.
	step = 256 << 10
)

// An upload is a body on its way in, with all that the client says of it.
type upload struct {
	from    io.Reader
	size    int64 // -1 is refused: an end could not be told from a cut
	md5     *string
	claim   claim
	secrets *secrets
	etag    bool // an MD5 is wanted though nobody claims one
}

// A stored body is durable, and no row names it yet.
type stored struct {
	body  body
	size  int64
	md5   []byte // nil where it isn't needed
	sum   checksum
	data  []byte      // sealed, of an inline body
	draft *blob.Draft // of one that isn't
	depot *blob.Depot
}

// take reads a body to its end, checks it, seals it and makes it durable. Release must
// be called on what it returns.
func (s *Service) take(ctx context.Context, u *upload) (_ *stored, err error) {
	if u.size > maxPut {
		return nil, refuse(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	want, err := contentMD5(u.md5)
	if err != nil {
		return nil, err
	}
	out := &stored{depot: s.depot}
	defer func() {
		if err != nil {
			out.release()
		}
	}()
	if u.size < 0 {
		return nil, refuse(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	m := newMeasure(u, want != nil)
	if err := s.pour(ctx, u, m, out); err != nil {
		return nil, cutShort(err)
	}
	if out.size != u.size {
		return nil, incomplete()
	}
	if m.md5 != nil {
		out.md5 = m.md5.Sum(nil)
		if want != nil && !bytes.Equal(out.md5, want) {
			return nil, refuse(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
				wire.Detail{Name: "ExpectedDigest", Value: *u.md5}, wire.Detail{Name: "CalculatedDigest", Value: base64.StdEncoding.EncodeToString(out.md5)})
		}
	}
	out.sum = checksum{Algorithm: m.algorithm, Value: base64.StdEncoding.EncodeToString(m.sum.Sum(nil)), Type: types.ChecksumTypeFullObject}
	if err := u.claim.check(u.from, out.sum.Value); err != nil {
		return nil, err
	}
	if out.draft != nil {
		err = out.draft.Commit()
	}
	return out, err
}

// release deletes the body unless a row has come to name it.
func (b *stored) release() {
	if b.draft != nil {
		b.draft.Release()
	}
}

// keep makes the body part of a transaction that names it.
func (b *stored) keep(tx *store.Tx) error {
	if b.draft != nil {
		return b.depot.Keep(tx, b.draft.ID)
	}
	if !b.body.Inline {
		return nil
	}
	return inlines.Add(tx, &inline{ID: b.body.ID, Data: b.data})
}

func contentMD5(text *string) ([]byte, error) {
	if text == nil {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	if err != nil || len(b) != md5.Size {
		return nil, fail("InvalidDigest", "The Content-MD5 you specified was invalid.")
	}
	return b, nil
}

func incomplete() error {
	return refuse(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}

// cutShort names a body that ends too early.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return incomplete()
	}
	return err
}

// A measure is what is computed of a plain body as it goes by.
type measure struct {
	algorithm types.ChecksumAlgorithm
	sum       hash.Hash
	md5       hash.Hash // nil: nobody wants it
}

func newMeasure(u *upload, claimsMD5 bool) *measure {
	m := &measure{algorithm: u.claim.algorithm}
	if m.algorithm == "" {
		m.algorithm = defaultChecksum
	}
	m.sum = newHash(m.algorithm)
	if u.etag || claimsMD5 {
		m.md5 = md5.New() //nolint:gosec // an ETag is one
	}
	return m
}

// pour brings a short body into memory and a long one into a draft.
func (s *Service) pour(ctx context.Context, u *upload, m *measure, out *stored) error {
	head := make([]byte, min(maxInline+1, u.size))
	n, err := io.ReadFull(u.from, head)
	out.size = int64(n)
	switch {
	case err == nil && n > maxInline:
		return s.pourLong(ctx, u, m, out, head[:n])
	case err == nil: // the size is known, and all of it is here; the end must still be read
		var one [1]byte
		if k, err := io.ReadFull(u.from, one[:]); k > 0 || !errors.Is(err, io.EOF) {
			return cmpErr(err)
		}
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	if u.size > int64(n) {
		return io.ErrUnexpectedEOF
	}
	m.write(head[:n])
	return s.keepInline(u, head[:n], out)
}

// cmpErr is the error of a body that goes on behind its end.
func cmpErr(err error) error {
	if err == nil {
		return incomplete()
	}
	return err
}

func (m *measure) write(p []byte) {
	m.sum.Write(p)
	if m.md5 != nil {
		m.md5.Write(p)
	}
}

func (s *Service) keepInline(u *upload, plain []byte, out *stored) (err error) {
	if len(plain) == 0 {
		return nil
	}
	out.body = body{ID: blob.NewID(s.clock.Now()), Inline: true}
	out.data, err = u.secrets.sealSmall(out.body.ID, plain)
	return err
}

// chunks are buffers that long bodies go through.
var chunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, step)} }}

// A chunk is a buffer that is read by the measure and by the sealing writer at once.
type chunk struct {
	buf  []byte
	n    int
	uses atomic.Int32
}

// done gives the buffer back after its last use.
func (c *chunk) done() {
	if c.uses.Add(-1) == 0 {
		chunks.Put(c)
	}
}

// pourLong reads a body by chunks; hashes on one processor, seals and writes on another.
func (s *Service) pourLong(ctx context.Context, u *upload, m *measure, out *stored, head []byte) (err error) {
	if out.draft, err = s.depot.Create(ctx); err != nil {
		return err
	}
	out.body.ID = out.draft.ID
	w, err := u.secrets.writer(out.body.ID, out.draft)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	hashed, written := make(chan *chunk, 1), make(chan *chunk, 1)
	g.Go(func() error {
		for c := range hashed {
			m.write(c.buf[:c.n])
			c.done()
		}
		return nil
	})
	g.Go(func() error { return drain(written, w) })
	g.Go(func() error {
		defer close(hashed)
		defer close(written)
		return spread(ctx, io.MultiReader(bytes.NewReader(head), u.from), out, [2]chan *chunk{hashed, written})
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return w.Close()
}

func drain(from <-chan *chunk, to io.Writer) error {
	for c := range from {
		if _, err := to.Write(c.buf[:c.n]); err != nil {
			return err
		}
		c.done()
	}
	return nil
}

// spread reads a body into chunks and gives each to all that are to see it.
func spread(ctx context.Context, from io.Reader, out *stored, to [2]chan *chunk) error {
	out.size = 0
	for {
		c := chunks.Get().(*chunk)
		n, err := io.ReadFull(from, c.buf)
		c.n = n
		c.uses.Store(int32(len(to)))
		if out.size += int64(n); out.size > maxPut {
			return refuse(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
		}
		for _, ch := range to {
			select {
			case ch <- c:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// etag is the body's as the API says it: the MD5, or for what isn't identified by it,
// something of the same look (S3 API Reference, "Object").
func (b *stored) etag(q *sealing) string {
	if q.plainETag() {
		return hex.EncodeToString(b.md5)
	}
	return hex.EncodeToString(newSecret()[:md5.Size])
}

// plainETag tells that the ETag is the body's MD5.
func (s *sealing) plainETag() bool { return s.Algorithm == types.ServerSideEncryptionAes256 }
