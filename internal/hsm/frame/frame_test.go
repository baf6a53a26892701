package frame_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

func codec(t testing.TB) *frame.Codec {
	t.Helper()
	c, err := frame.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// full is the largest request of the protocol.
func full() frame.Request {
	return frame.Request{
		Seq: 1 << 60, Op: frame.Decrypt, ID: bytes.Repeat([]byte{1}, frame.MaxID), Label: strings.Repeat("l", frame.MaxLabel),
		Data: bytes.Repeat([]byte{2}, frame.MaxPlaintext+frame.IVSize+frame.TagSize), AAD: bytes.Repeat([]byte{3}, frame.MaxAAD),
		Number: 1<<32 - 1,
	}
}

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	c := codec(t)
	var b bytes.Buffer
	requests := []frame.Request{{Seq: 1, Op: frame.Login, Data: []byte("1234"), Number: frame.Version}, full(), {Op: frame.Healthy}}
	for _, r := range requests {
		if err := c.WriteRequest(&b, &r); err != nil {
			t.Fatalf("WriteRequest = %v", err)
		}
	}
	for _, want := range requests {
		got, err := c.ReadRequest(&b)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("ReadRequest: %v\n%s", err, diff)
		}
	}
	if _, err := c.ReadRequest(&b); !errors.Is(err, io.EOF) {
		t.Errorf("ReadRequest at the end = %v, want %v", err, io.EOF)
	}
	answers := []frame.Response{{Seq: 7, Status: frame.OK, Data: make([]byte, frame.MaxPlaintext), Number: 3}, {Status: frame.Failed, Text: "why"}}
	for _, r := range answers {
		if err := c.WriteResponse(&b, &r); err != nil {
			t.Fatalf("WriteResponse = %v", err)
		}
	}
	for _, want := range answers {
		got, err := c.ReadResponse(&b)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("ReadResponse: %v\n%s", err, diff)
		}
	}
}

// TestOneWrite holds a frame to one Write, of exactly its length: what a pipe takes
// at once isn't mixed with another's.
func TestOneWrite(t *testing.T) {
	t.Parallel()
	var w writes
	r := full()
	if err := codec(t).WriteRequest(&w, &r); err != nil {
		t.Fatal(err)
	}
	if len(w.sizes) != 1 || int(w.length) != w.sizes[0]-4 {
		t.Errorf("writes of %v bytes, with a length of %d", w.sizes, w.length)
	}
	// The codec clears its buffer once it is written.
	if i := bytes.IndexFunc(w.last, func(r rune) bool { return r != 0 }); i >= 0 {
		t.Errorf("the buffer holds the frame after the call, at %d", i)
	}
}

type writes struct {
	sizes  []int
	length uint32
	last   []byte
}

// Write keeps p itself, against io.Writer's rule, to see what becomes of it.
func (w *writes) Write(p []byte) (int, error) {
	w.sizes, w.length, w.last = append(w.sizes, len(p)), binary.BigEndian.Uint32(p), p
	return len(p), nil
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := codec(t)
	if err := c.WriteRequest(io.Discard, &frame.Request{Op: frame.Encrypt, Data: make([]byte, frame.MaxFrame)}); err == nil {
		t.Error("WriteRequest of a frame too large went well")
	}
	if err := c.WriteResponse(io.Discard, &frame.Response{Status: frame.OK, Text: strings.Repeat("t", frame.MaxFrame)}); err == nil {
		t.Error("WriteResponse of a frame too large went well")
	}
}

// TestRefuses reads requests written by hand, as RFC 8949 has it.
func TestRefuses(t *testing.T) {
	t.Parallel()
	c := codec(t)
	for _, tt := range []struct{ name, cbor string }{
		{"no map", "01"},
		{"null", "f6"},
		{"no operation", "a10101"},
		{"operation 0", "a201010200"},
		{"operation 10", "a20101020a"},
		{"unknown member", "a30101020309f5"},
		{"member twice", "a3010102030203"},
		{"member by name", "a301010203635365710a"},
		{"trailing byte", "a20101020300"},
		{"indefinite map", "bf01010203ff"},
		{"indefinite bytes", "a301010203035f4101ff"},
		{"tag", "a3010102030" + "3c24101"},
		{"number too large", "a3010102030" + "71b0000000100000000"},
		{"negative number", "a30101020307" + "20"},
		{"text that isn't UTF-8", "a3010102030461ff"},
		{"bytes of a number", "a301010203030" + "1"},
		{"bytes longer than the frame", "a3010102030" + "35b7fffffffffffffff"},
		{"cut short", "a20101"},
	} {
		body, err := hex.DecodeString(tt.cbor)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if r, err := c.ReadRequest(bytes.NewReader(framed(body))); !errors.Is(err, frame.ErrMalformed) {
			t.Errorf("%s: ReadRequest = %+v, %v, want %v", tt.name, r, err, frame.ErrMalformed)
		}
	}
	good, err := c.ReadRequest(bytes.NewReader(framed([]byte{0xa2, 1, 1, 2, 3})))
	if err != nil || good.Op != frame.Exists {
		t.Errorf("a good one: %+v, %v", good, err)
	}
	for name, b := range map[string][]byte{
		"no bytes": {0, 0, 0, 0}, "a long frame": {0, 1, 0, 1}, "the longest": {0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := c.ReadResponse(bytes.NewReader(b)); !errors.Is(err, frame.ErrMalformed) {
			t.Errorf("%s: ReadResponse = %v, want %v", name, err, frame.ErrMalformed)
		}
	}
	for name, b := range map[string][]byte{"half a length": {0, 0}, "half a frame": {0, 0, 0, 9, 1}} {
		if _, err := c.ReadResponse(bytes.NewReader(b)); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%s: ReadResponse = %v, want %v", name, err, io.ErrUnexpectedEOF)
		}
	}
}

func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// FuzzRead reads whatever comes as either side does. What is read is written again and read
// as the same.
func FuzzRead(f *testing.F) {
	c := codec(f)
	var b bytes.Buffer
	for _, r := range []frame.Request{{Seq: 1, Op: frame.Login, Data: []byte("1234"), Number: frame.Version}, full()} {
		if err := c.WriteRequest(&b, &r); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
		b.Reset()
	}
	if err := c.WriteResponse(&b, &frame.Response{Seq: 2, Status: frame.Gone, Text: "why", Data: []byte("d"), Number: 1}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := c.ReadRequest(bytes.NewReader(b)); err == nil {
			var again bytes.Buffer
			if err := c.WriteRequest(&again, &r); err != nil {
				return // the largest frames that are read are larger than those that are written
			}
			got, err := c.ReadRequest(&again)
			if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("read again: %v\n%s", err, diff)
			}
		}
		if r, err := c.ReadResponse(bytes.NewReader(b)); err == nil {
			var again bytes.Buffer
			if err := c.WriteResponse(&again, &r); err != nil {
				return
			}
			got, err := c.ReadResponse(&again)
			if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("read again: %v\n%s", err, diff)
			}
		}
	})
}
