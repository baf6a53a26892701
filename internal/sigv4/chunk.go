package sigv4

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Bounds of aws-chunked encoding.
const (
	// maxSignedChunk is what of a signed chunk is held in memory until it is
	// verified. Clients send 64 KiB to 1 MiB.
	maxSignedChunk = 16 << 20
	// minChunk is the least size of a chunk but the last (S3 API Reference, "Chunked
	// Upload").
	minChunk       = 8 << 10
	maxChunkHeader = 256
	maxTrailer     = 16 << 10
	readStep       = 64 << 10
)

// A ChunkReader takes aws-chunked encoding off a body (S3 API Reference,
// "Transferring Payload in Multiple Chunks" and "Signature calculations for
// trailing headers"). Signed chunks are held back until their signature is
// verified. It ends with io.EOF only after the last chunk, the trailer and its
// signature, and only if all of x-amz-decoded-content-length has come.
type ChunkReader struct {
	src      *bufio.Reader
	chain    *chain          // nil: signatures are not looked at
	marked   bool            // chunks carry signatures
	trailing bool            // a trailer follows the last chunk
	expected map[string]bool // names in x-amz-trailer

	left     int64  // decoded bytes that are yet to come
	chunk    int64  // bytes of an unsigned chunk that are yet to come
	previous int64  // size of the chunk before
	buf      []byte // of a signed chunk
	ready    []byte // verified, and not yet given out
	hash     hash.Hash
	trailer  http.Header
	err      error
}

func newChunkReader(src io.Reader, size int64, c *chain) *ChunkReader {
	return &ChunkReader{src: bufio.NewReader(src), left: size, previous: minChunk, chain: c, hash: sha256.New()}
}

// Trailer returns the trailing headers, under canonical names. They are there
// once Read has returned io.EOF.
func (c *ChunkReader) Trailer() http.Header {
	if !errors.Is(c.err, io.EOF) {
		return nil
	}
	return c.trailer
}

// Read implements io.Reader. Errors are *Error, but for those of the body's own
// reader.
func (c *ChunkReader) Read(p []byte) (int, error) {
	for c.err == nil && len(p) > 0 {
		n := 0
		switch {
		case len(c.ready) > 0:
			n = copy(p, c.ready)
			c.ready = c.ready[n:]
		case c.chunk > 0:
			n, c.err = c.pass(p)
		default:
			c.err = c.next()
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, c.err
}

// pass gives out bytes of a chunk that nobody signed.
func (c *ChunkReader) pass(p []byte) (int, error) {
	n, err := c.src.Read(p[:min(int64(len(p)), c.chunk)])
	c.chunk -= int64(n)
	if c.chunk == 0 {
		return n, c.newline()
	}
	return n, cut(err)
}

// next reads a chunk's header, and a signed chunk whole.
func (c *ChunkReader) next() error {
	size, signature, err := c.header()
	if err != nil {
		return err
	}
	if size > c.left {
		return incompleteBody()
	}
	if size > 0 && c.previous < minChunk {
		return s3Error(http.StatusForbidden, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")
	}
	c.left -= size
	c.previous = size
	if c.chain != nil {
		if err := c.signed(size, signature); err != nil {
			return err
		}
	}
	if size == 0 {
		return c.finish()
	}
	if c.chain == nil {
		c.chunk = size
	}
	return nil
}

// signed reads a chunk and verifies it. It makes room as bytes come, not as they
// are announced.
func (c *ChunkReader) signed(size int64, signature string) error {
	if size > maxSignedChunk {
		return s3Error(http.StatusBadRequest, "InvalidRequest", "A chunk is larger than this server holds in memory to verify it: 16777216 bytes.")
	}
	c.buf = c.buf[:0]
	c.hash.Reset()
	for rest := int(size); rest > 0; {
		step := min(rest, readStep)
		c.buf = slices.Grow(c.buf, step)
		part := c.buf[len(c.buf) : len(c.buf)+step]
		if _, err := io.ReadFull(c.src, part); err != nil {
			return cut(err)
		}
		c.hash.Write(part)
		c.buf = c.buf[:len(c.buf)+step]
		rest -= step
	}
	if size > 0 {
		if err := c.newline(); err != nil {
			return err
		}
	}
	if e := c.chain.verifyChunk(c.hash, signature); e != nil {
		return e
	}
	c.ready = c.buf
	return nil
}

const chunkSignature = "chunk-signature="

// header reads size;chunk-signature=… or, of an unsigned chunk, size.
func (c *ChunkReader) header() (size int64, signature string, err error) {
	line, err := c.line(maxChunkHeader)
	if err != nil {
		return 0, "", err
	}
	digits, extension, extended := strings.Cut(line, ";")
	signature, ok := strings.CutPrefix(extension, chunkSignature)
	if extended != c.marked || extended && !ok || digits == "" || len(digits) > 15 {
		return 0, "", badChunk()
	}
	for i := range len(digits) {
		if !isHex(digits[i]) {
			return 0, "", badChunk()
		}
		size = size<<4 | int64(unhex(digits[i]))
	}
	return size, signature, nil
}

// line reads up to CR LF, which it leaves out, and at most limit bytes.
func (c *ChunkReader) line(limit int) (string, error) {
	b, err := c.src.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(b) > limit:
		return "", badChunk()
	case err != nil:
		return "", cut(err)
	}
	line, ok := strings.CutSuffix(string(b), "\r\n")
	if !ok || strings.ContainsAny(line, "\r\x00") {
		return "", badChunk()
	}
	return line, nil
}

func (c *ChunkReader) newline() error {
	var b [2]byte
	if _, err := io.ReadFull(c.src, b[:]); err != nil {
		return cut(err)
	}
	if b != [2]byte{'\r', '\n'} {
		return badChunk()
	}
	return nil
}

// finish reads what follows the last chunk, and makes sure that nothing follows
// that.
func (c *ChunkReader) finish() error {
	if c.left > 0 {
		return incompleteBody()
	}
	after := c.newline
	if c.trailing {
		after = c.readTrailer
	}
	if err := after(); err != nil {
		return err
	}
	switch _, err := c.src.ReadByte(); {
	case err == nil:
		return badChunk()
	case !errors.Is(err, io.EOF):
		return err
	}
	return io.EOF
}

// cut turns an end within the encoding into an error.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return incompleteBody()
	}
	return err
}

func incompleteBody() *Error {
	return s3Error(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}

func badChunk() *Error {
	return s3Error(http.StatusBadRequest, "IncompleteBody", "The request body is not in well-formed aws-chunked encoding.")
}
