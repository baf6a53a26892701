package sigv4_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// FuzzParse reads anything, and verifies what it could read: neither panics, and
// nothing holds but what the SDK signed.
func FuzzParse(f *testing.F) {
	for _, q := range suite {
		r := q.send(f, nil)
		f.Add(r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"))
	}
	f.Add("/", "X-Amz-Algorithm=&X-Amz-Date=%", "AWS4-HMAC-SHA256 Credential=,Signature", "Mon, 02 Jan 2006 15:04:05 GMT")
	f.Add("/", "", "AWS4-ECDSA-P256-SHA256 Credential=a/20150830/s/aws4_request,SignedHeaders=host,Signature=3006", "20150830T123600Z")
	v := sigv4.New(clock.NewFake(suiteTime))
	f.Fuzz(func(t *testing.T, path, query, authorization, date string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		u.RawQuery = query
		r := &http.Request{Method: "GET", URL: u, Host: "h", Header: headers("Authorization", authorization, "X-Amz-Date", date)}
		s, err := sigv4.Parse(r)
		if err != nil || s == nil {
			if s != nil {
				t.Error("Parse returned both a signature and an error")
			}
			return
		}
		if s.AccessKeyID == "" || s.Date == "" || len(s.SignedHeaders) == 0 {
			t.Errorf("Parse = %v, want all of it", s)
		}
		// No input of the corpus is signed with this secret.
		if err := v.Verify(r, s, sigv4.NewSecret("fuzz"), nil); err == nil {
			t.Errorf("%v holds", s)
		}
	})
}

// FuzzChunkReader splices bytes into the documented upload, whose size would
// otherwise leave the fuzzer no time. Only the documented chunks are ever given
// out, for nobody else can sign one.
func FuzzChunkReader(f *testing.F) {
	f.Add(uint32(0), uint32(1<<20), []byte{}, false)
	f.Add(uint32(65620), uint32(65622), []byte("\r\n0\r\n\r\n"), false)
	f.Add(uint32(0), uint32(0), []byte("1000000;chunk-signature=\r\n"), true)
	f.Add(uint32(66800), uint32(1<<20), []byte("x-amz-trailer-signature:\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, from, to uint32, splice []byte, trailer bool) {
		r, body := docUpload(trailer)
		from = min(from, uint32(len(body)))
		to = min(max(from, to), uint32(len(body)))
		got, err := io.ReadAll(open(t, r, strings.NewReader(body[:from]+string(splice)+body[to:])))
		if n := len(got); n != 0 && n != 65536 && n != 66560 || bytes.Count(got, []byte("a")) != n {
			t.Errorf("%d bytes were given out that nobody signed", n)
		}
		if err == nil && len(got) != 66560 {
			t.Errorf("ended well after %d bytes, want 66560", len(got))
		}
	})
}

// FuzzUnsignedChunks reads anything as an unsigned upload: it gives out no more
// than was announced, and ends well only with all of it.
func FuzzUnsignedChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"))
	f.Add([]byte("5;chunk-signature=\r\nhello\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("PUT", "/key", bytes.NewReader(body))
		r.Header = headers("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length", "5", "X-Amz-Trailer", "x-amz-checksum-crc32")
		b, err := sigv4.Unverified(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); len(got) > 5 || err == nil && len(got) != 5 {
			t.Errorf("read %q, %v of a body of 5", got, err)
		}
	})
}
