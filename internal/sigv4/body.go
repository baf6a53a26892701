package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A Body is a request's body without aws-chunked encoding. Reading it fails
// rather than end, if it is not what was signed. Of a body with signed chunks no
// byte is given out that is not verified; of one with a signed hash the reader
// may use nothing before io.EOF.
type Body struct {
	io.Reader
	chunks *ChunkReader
	size   int64
}

// Size is the number of bytes that Read will give, or -1 if it is not known.
func (b *Body) Size() int64 { return b.size }

// Trailer returns the trailing headers, under canonical names, of a body that
// was read to io.EOF. It is nil for a body without.
func (b *Body) Trailer() http.Header {
	if b.chunks == nil {
		return nil
	}
	return b.chunks.Trailer()
}

// Expected are the names, in lower case, of the headers that will trail the body.
func (b *Body) Expected() []string {
	if b.chunks == nil {
		return nil
	}
	return slices.Collect(maps.Keys(b.chunks.expected))
}

// Unverified returns r's body as if a signature held: for a server that takes
// any signature, and with a nil s for a request that nobody signed. It takes
// aws-chunked encoding off, and still checks a hash of the body. Chunks that
// claim to be signed are refused from somebody who signed nothing.
func Unverified(r *http.Request, s *Signature) (*Body, error) {
	payload, ok := only(r.Header, "X-Amz-Content-Sha256")
	if s != nil {
		payload = s.Payload
	}
	signed := payload == streamingSigned || payload == streamingSignedTrailers
	if !ok || signed && s == nil {
		return nil, s3Error(http.StatusBadRequest, "InvalidArgument", msgPayload, Detail{"ArgumentName", "x-amz-content-sha256"})
	}
	return newBody(r, payload, nil)
}

// newBody chooses a reader by x-amz-content-sha256. c is nil where chunks'
// signatures are not looked at.
func newBody(r *http.Request, payload string, c *chain) (*Body, error) {
	switch payload {
	case streamingUnsigned, streamingSigned, streamingSignedTrailers:
		return newChunked(r, payload, c)
	}
	b := &Body{Reader: r.Body, size: r.ContentLength}
	if r.Body == nil {
		b.Reader = http.NoBody
	}
	if isHash(payload) {
		b.Reader = &hashedReader{body: b.Reader, hash: sha256.New(), want: payload}
	}
	return b, nil
}

func newChunked(r *http.Request, payload string, c *chain) (*Body, error) {
	text, ok := only(r.Header, "X-Amz-Decoded-Content-Length")
	size, err := strconv.ParseUint(text, 10, 63)
	if !ok || err != nil {
		return nil, s3Error(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if payload == streamingUnsigned {
		c = nil
	}
	body := io.Reader(http.NoBody)
	if r.Body != nil {
		body = r.Body
	}
	reader := newChunkReader(body, int64(size), c)
	reader.marked = payload != streamingUnsigned
	if payload != streamingSigned {
		reader.expected = names(r.Header["X-Amz-Trailer"])
		reader.trailing = true
	}
	return &Body{Reader: reader, chunks: reader, size: int64(size)}, nil
}

// names splits x-amz-trailer.
func names(values []string) map[string]bool {
	out := map[string]bool{}
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				out[name] = true
			}
		}
	}
	return out
}

// A hashedReader ends only if all that it read has the hash that was signed.
type hashedReader struct {
	body io.Reader
	hash hash.Hash
	want string
	err  error
}

// Read implements io.Reader.
func (h *hashedReader) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.body.Read(p)
	h.hash.Write(p[:n])
	if err == io.EOF { //nolint:errorlint // Read returns io.EOF itself
		if got := hex.EncodeToString(h.hash.Sum(nil)); !strings.EqualFold(got, h.want) {
			err = payloadMismatch(h.want, got)
		}
	}
	h.err = err
	return n, err
}
