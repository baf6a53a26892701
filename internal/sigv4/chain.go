package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
)

// A chain is the row of signatures of a chunked body, each of which signs the
// one before; the first signs the request's.
type chain struct {
	key       *scopeKey
	signature *Signature
	previous  string
	text      []byte
	sum       [sha256.Size]byte
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// verifyChunk checks the next chunk's signature.
func (c *chain) verifyChunk(chunk hash.Hash, signature string) *Error {
	c.begin("AWS4-HMAC-SHA256-PAYLOAD\n")
	c.text = append(c.text, emptyHash+"\n"...)
	c.text = hex.AppendEncode(c.text, chunk.Sum(c.sum[:0]))
	return c.end(signature)
}

// verifyTrailer checks the signature of the trailing headers.
func (c *chain) verifyTrailer(canonical []byte, signature string) *Error {
	c.sum = sha256.Sum256(canonical)
	c.begin("AWS4-HMAC-SHA256-TRAILER\n")
	c.text = hex.AppendEncode(c.text, c.sum[:])
	return c.end(signature)
}

func (c *chain) begin(name string) {
	s := c.signature
	c.text = append(c.text[:0], name...)
	c.text = append(c.text, s.stamp+"\n"+s.scope()+"\n"...)
	c.text = append(append(c.text, c.previous...), '\n')
}

func (c *chain) end(signature string) *Error {
	want := c.key.mac(c.text)
	got, err := hex.DecodeString(signature)
	if err != nil || subtle.ConstantTimeCompare(want[:], got) != 1 {
		return c.signature.mismatch()
	}
	c.previous = hex.EncodeToString(want[:])
	return nil
}

const trailerSignature = "x-amz-trailer-signature"

// readTrailer reads the trailing headers up to an empty line: all that
// x-amz-trailer names and no other. They are signed as name:value, a newline
// after each.
func (c *ChunkReader) readTrailer() error {
	c.trailer = http.Header{}
	var canonical []byte
	signature, isSigned := "", false
	for room := maxTrailer; ; {
		line, err := c.line(room)
		if err != nil {
			return err
		}
		room -= len(line) + len("\r\n")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok || isSigned:
			return badTrailer()
		case name == trailerSignature && c.marked:
			signature, isSigned = value, true
		case !c.expected[name] || !isName(name) || c.trailer.Get(name) != "":
			return badTrailer()
		default:
			c.trailer.Set(name, value)
			canonical = append(canonical, name+":"+value+"\n"...)
		}
	}
	if len(c.trailer) != len(c.expected) {
		return badTrailer()
	}
	if c.chain == nil {
		return nil
	}
	if e := c.chain.verifyTrailer(canonical, signature); e != nil {
		return e
	}
	return nil
}

func badTrailer() *Error {
	return s3Error(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
