package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// The key, time and host of the examples in the S3 API Reference.
const (
	docKey    = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	docHost   = "examplebucket.s3.amazonaws.com"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// docRequest is a request signed as in the S3 API Reference.
func docRequest(method, target, signed, signature string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = docHost
	if signature != "" {
		r.Header.Set("X-Amz-Date", "20130524T000000Z")
		r.Header.Set("X-Amz-Content-Sha256", emptyHash)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+signed+",Signature="+signature)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func parse(t testing.TB, r *http.Request) *sigv4.Signature {
	t.Helper()
	s, err := sigv4.Parse(r)
	if err != nil || s == nil {
		t.Fatalf("Parse = %v, %v; want a signature", s, err)
	}
	return s
}

func code(err error) string {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// TestDocumentedExamples are the examples of "Authenticating Requests" in the S3
// API Reference, with AWS's own signatures.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	const basic = "host;x-amz-content-sha256;x-amz-date"
	const text = "Welcome to Amazon S3."
	presigned := "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + docKey + "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	for _, tt := range []struct {
		name string
		r    *http.Request
		body string
	}{
		{"GET object", docRequest("GET", "/test.txt", "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", "Range", "bytes=0-9"), ""},
		{"PUT object", docRequest("PUT", "/test%24file.text", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			"Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY", "X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"), text},
		{"GET lifecycle", docRequest("GET", "/?lifecycle", basic, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"), ""},
		{"list objects", docRequest("GET", "/?max-keys=2&prefix=J", basic, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), ""},
		{"presigned GET object", docRequest("GET", presigned, "", ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := sigv4.New(clock.NewFake(docTime))
			s := parse(t, tt.r)
			if err := v.Verify(tt.r, s, sigv4.NewSecret(docSecret), []byte(tt.body)); err != nil {
				t.Errorf("Verify = %v, want AWS's own signature to hold", err)
			}
			want := "SignatureDoesNotMatch"
			if err := v.Verify(tt.r, s, sigv4.NewSecret(docSecret+"x"), []byte(tt.body)); code(err) != want {
				t.Errorf("Verify with another secret = %v, want %s", err, want)
			}
		})
	}
}

// chunked is the body of the documented chunked uploads: 64 KiB and 1 KiB of a.
func chunked(signatures [3]string, trailer string) string {
	var b strings.Builder
	for i, n := range []int{65536, 1024, 0} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s", n, signatures[i], strings.Repeat("a", n))
		if n > 0 {
			b.WriteString("\r\n")
		}
	}
	return b.String() + trailer + "\r\n"
}

func docUpload(trailer bool) (*http.Request, string) {
	headers := []string{"X-Amz-Storage-Class", "REDUCED_REDUNDANCY", "Content-Encoding", "aws-chunked", "X-Amz-Decoded-Content-Length", "66560"}
	const names = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
	var r *http.Request
	var body string
	if trailer {
		headers = append(headers, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "X-Amz-Trailer", "x-amz-checksum-crc32c")
		r = docRequest("PUT", "/examplebucket/chunkObject.txt", "content-encoding;"+names+";x-amz-trailer", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", headers...)
		body = chunked([3]string{"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
			"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n")
	} else {
		headers = append(headers, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Length", "66824")
		r = docRequest("PUT", "/examplebucket/chunkObject.txt", "content-encoding;content-length;"+names, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", headers...)
		body = chunked([3]string{"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}, "")
	}
	r.Host = "s3.amazonaws.com"
	return r, body
}

func open(t testing.TB, r *http.Request, body io.Reader) *sigv4.Body {
	t.Helper()
	r.Body = io.NopCloser(body)
	b, err := sigv4.New(clock.NewFake(docTime)).VerifyStream(r, parse(t, r), sigv4.NewSecret(docSecret))
	if err != nil {
		t.Fatalf("VerifyStream = %v, want AWS's own signature to hold", err)
	}
	return b
}

func TestDocumentedChunkedUploads(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("a"), 66560)
	for _, trailer := range []bool{false, true} {
		r, body := docUpload(trailer)
		b := open(t, r, strings.NewReader(body))
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("trailer %v: read %d bytes, %v; want 66560 of a", trailer, len(got), err)
		}
		if b.Size() != 66560 {
			t.Errorf("trailer %v: Size = %d, want 66560", trailer, b.Size())
		}
		if got := b.Trailer().Get("X-Amz-Checksum-Crc32c"); trailer && got != "sOO8/Q==" {
			t.Errorf("checksum in the trailer = %q, want sOO8/Q==", got)
		}
	}
}

// TestChunkedUploadMutations changes each byte of the framing, and some of the
// data, and cuts the body at each place; never is a byte given out that was not
// signed.
func TestChunkedUploadMutations(t *testing.T) {
	t.Parallel()
	for _, trailer := range []bool{false, true} {
		_, body := docUpload(trailer)
		for i := range len(body) {
			if body[i] == 'a' && i%4099 != 0 && i > 100 && i < len(body)-300 {
				continue
			}
			changed := []byte(body)
			changed[i] ^= 1
			r, _ := docUpload(trailer)
			checkRefused(t, open(t, r, bytes.NewReader(changed)), fmt.Sprintf("trailer %v, byte %d (%q) changed", trailer, i, body[i]))
			r, _ = docUpload(trailer)
			checkRefused(t, open(t, r, strings.NewReader(body[:i])), fmt.Sprintf("trailer %v, cut at %d", trailer, i))
		}
		r, _ := docUpload(trailer)
		checkRefused(t, open(t, r, strings.NewReader(body+"x")), "a byte more")
	}
}

func checkRefused(t *testing.T, b *sigv4.Body, what string) {
	t.Helper()
	got, err := io.ReadAll(b)
	if _, ok := errors.AsType[*sigv4.Error](err); !ok {
		t.Errorf("%s: err = %v, want a *sigv4.Error", what, err)
	}
	if n := len(got); n != 0 && n != 65536 && n != 66560 || bytes.Count(got, []byte("a")) != n {
		t.Errorf("%s: %d bytes were given out, want whole chunks of a", what, n)
	}
	if _, again := b.Read(make([]byte, 1)); again == nil || errors.Is(again, io.EOF) {
		t.Errorf("%s: Read after the error = %v, want the error again", what, again)
	}
}
