package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// stream sends a request whose body is read while it is verified. encoded is
// what goes over the wire.
func stream(t testing.TB, q request, encoded string) (*sigv4.Body, error) {
	t.Helper()
	r := q.send(t, nil)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	s, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	return sigv4.New(clock.NewFake(suiteTime)).VerifyStream(r, s, sigv4.NewSecret(suiteSecret))
}

// upload is an upload in unsigned chunks, as SDKs send it over TLS.
func upload(size int, trailer string) request {
	h := headers("X-Amz-Decoded-Content-Length", fmt.Sprint(size), "Content-Encoding", "aws-chunked")
	if trailer != "" {
		h.Set("X-Amz-Trailer", trailer)
	}
	return request{method: "PUT", url: suiteURL + "/key", service: "s3", header: h, payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
}

func TestUnsignedChunks(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("b", 20<<20) // larger than a signed chunk may be
	const crc = "x-amz-checksum-crc32"
	for _, tt := range []struct {
		name, trailer, encoded, want, err string
		size                              int
	}{
		{"the SDK's form", crc, "5\r\nhello\r\n0\r\n" + crc + ":NhCmhg==\r\n\r\n", "hello", "<nil>", 5},
		{"no trailer", "", "5\r\nhello\r\n0\r\n\r\n", "hello", "<nil>", 5},
		{"nothing", "", "0\r\n\r\n", "", "<nil>", 0},
		{"a large chunk", "", "1400000\r\n" + big + "\r\n0\r\n\r\n", big, "<nil>", len(big)},
		{"less than announced", "", "4\r\nhell\r\n0\r\n\r\n", "hell", "IncompleteBody", 5},
		{"more than announced", "", "6\r\nhello!\r\n0\r\n\r\n", "", "IncompleteBody", 5},
		{"small chunks", "", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hel", "InvalidChunkSizeError", 5},
		{"a trailer that is not announced", "", "5\r\nhello\r\n0\r\n" + crc + ":NhCmhg==\r\n\r\n", "hello", "MalformedTrailerError", 5},
		{"no trailer though announced", crc, "5\r\nhello\r\n0\r\n\r\n", "hello", "MalformedTrailerError", 5},
		{"a trailer twice", crc, "5\r\nhello\r\n0\r\n" + crc + ":a\r\n" + crc + ":a\r\n\r\n", "hello", "MalformedTrailerError", 5},
		{"a trailer without a colon", crc, "5\r\nhello\r\n0\r\n" + crc + "\r\n\r\n", "hello", "MalformedTrailerError", 5},
		{"an endless trailer", crc, "5\r\nhello\r\n0\r\n" + crc + ":" + strings.Repeat("a", 32<<10) + "\r\n\r\n", "hello", "IncompleteBody", 5},
		{"an endless header", "", strings.Repeat("0", 1<<10) + "5\r\nhello\r\n0\r\n\r\n", "", "IncompleteBody", 5},
		{"a negative size", "", "-5\r\nhello\r\n0\r\n\r\n", "", "IncompleteBody", 5},
		{"a size with a sign", "", "+5\r\nhello\r\n0\r\n\r\n", "", "IncompleteBody", 5},
		{"line feeds only", "", "5\nhello\n0\n\n", "", "IncompleteBody", 5},
		{"cut in the trailer", crc, "5\r\nhello\r\n0\r\n" + crc + ":NhCmhg==\r\n", "hello", "IncompleteBody", 5},
		{"cut before the last chunk", "", "5\r\nhello\r\n", "hello", "IncompleteBody", 5},
		{"something after the end", "", "5\r\nhello\r\n0\r\n\r\nx", "hello", "IncompleteBody", 5},
	} {
		b, err := stream(t, upload(tt.size, tt.trailer), tt.encoded)
		if err != nil {
			t.Errorf("%s: VerifyStream = %v, want it to hold", tt.name, err)
			continue
		}
		got, err := io.ReadAll(b)
		if string(got) != tt.want || code(err) != tt.err {
			t.Errorf("%s: read %d bytes, %v; want %d, %s", tt.name, len(got), err, len(tt.want), tt.err)
		}
		if has := b.Trailer().Get(crc) != ""; has != (err == nil && tt.trailer != "") {
			t.Errorf("%s: trailer %v, want it only of a whole body", tt.name, b.Trailer())
		}
	}
}

// TestAnnouncedChunkTakesNoMemory announces a large signed chunk and sends
// nothing of it.
func TestAnnouncedChunkTakesNoMemory(t *testing.T) { //nolint:paralleltest // counts the process's allocations
	const signature = ";chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
	q := upload(1<<30, "")
	q.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	for _, tt := range []struct{ size, want string }{{"1000000", "IncompleteBody"}, {"1000001", "InvalidRequest"}, {"ffffffffffffffff", "IncompleteBody"}} {
		b, err := stream(t, q, tt.size+signature+"x")
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = b.Read(make([]byte, 1))
		runtime.ReadMemStats(&after)
		if got := code(err); got != tt.want {
			t.Errorf("chunk of 0x%s: %v, want %s", tt.size, err, tt.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("chunk of 0x%s: %d bytes allocated, want less than 1 MiB", tt.size, n)
		}
	}
}

func TestSignedHashOfStream(t *testing.T) {
	t.Parallel()
	q := request{method: "PUT", url: suiteURL + "/key", service: "s3", body: "hello"}
	for _, tt := range []struct{ sent, want string }{{"hello", "<nil>"}, {"hellO", "XAmzContentSHA256Mismatch"}, {"hell", "XAmzContentSHA256Mismatch"}, {"hello!", "XAmzContentSHA256Mismatch"}} {
		b, err := stream(t, q, tt.sent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(b); code(err) != tt.want {
			t.Errorf("%q: %v, want %s", tt.sent, err, tt.want)
		}
		// A reader that goes on after the error must not get an end that looks well.
		if _, err = b.Read(make([]byte, 1)); tt.want != "<nil>" && code(err) != tt.want {
			t.Errorf("%q: Read after the error = %v, want %s", tt.sent, err, tt.want)
		}
	}
}

// TestUnsignedPayload is taken where the service lets a body go unsigned only.
func TestUnsignedPayload(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service, expires string
		buffered, stream string
	}{
		{"s3", "", "<nil>", "<nil>"},
		{"s3", "60", "<nil>", "<nil>"},
		{"sts", "60", "<nil>", "<nil>"},
		{"sts", "", "SignatureDoesNotMatch", "SignatureDoesNotMatch"},
		{"ebs", "", "InvalidSignatureException", "<nil>"},
	} {
		q := request{method: "PUT", url: suiteURL + "/", service: tt.service, expires: tt.expires, payload: "UNSIGNED-PAYLOAD", header: headers("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), body: "body"}
		if err := verify(t, q.send(t, nil)); code(err) != tt.buffered {
			t.Errorf("%+v: Verify = %v", tt, err)
		}
		if _, err := stream(t, q, "other"); code(err) != tt.stream {
			t.Errorf("%+v: VerifyStream = %v", tt, err)
		}
	}
}

// TestBodyOfOthers changes a body that is held in memory.
func TestBodyOfOthers(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{"s3": "XAmzContentSHA256Mismatch", "iam": "SignatureDoesNotMatch", "account": "InvalidSignatureException"} {
		q := request{method: "PUT", url: suiteURL + "/", service: service, body: "body"}
		r := q.send(t, nil)
		r.Body = io.NopCloser(strings.NewReader("bodY"))
		if err := verify(t, r); code(err) != want {
			t.Errorf("%s: %v, want %s", service, err, want)
		}
	}
}

func TestUnverified(t *testing.T) {
	t.Parallel()
	r, body := docUpload(true)
	signature := parse(t, r)
	r.Body = io.NopCloser(strings.NewReader(body))
	if _, err := sigv4.Unverified(r, nil); code(err) != "InvalidArgument" {
		t.Errorf("chunks signed by nobody: %v, want InvalidArgument", err)
	}
	b, err := sigv4.Unverified(r, signature)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a"), 66560)) {
		t.Errorf("read %d bytes, %v; want 66560 of a", len(got), err)
	}
	anonymous := upload(5, "").send(t, func(r *http.Request) { r.Header.Del("Authorization") })
	anonymous.Body = io.NopCloser(strings.NewReader("5\r\nhello\r\n0\r\n\r\n"))
	if b, err = sigv4.Unverified(anonymous, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v; want hello", got, err)
	}
}

// TestChunksNeedAStream gives an encoded body to Verify, which can't take the
// encoding off.
func TestChunksNeedAStream(t *testing.T) {
	t.Parallel()
	if err := verify(t, upload(5, "").send(t, nil)); code(err) != "NotImplemented" {
		t.Errorf("Verify = %v, want NotImplemented", err)
	}
}

// TestReadErrorIsKept lets the body's own error through.
func TestReadErrorIsKept(t *testing.T) {
	t.Parallel()
	r, body := docUpload(false)
	want := errors.New("connection reset")
	b := open(t, r, io.MultiReader(strings.NewReader(body[:66000]), failing{want}))
	if _, err := io.ReadAll(b); !errors.Is(err, want) {
		t.Errorf("err = %v, want %v", err, want)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
