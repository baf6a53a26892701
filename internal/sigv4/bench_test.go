package sigv4_test

import (
	"io"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// BenchmarkVerify is what a server does for a JSON call of 5 KB.
func BenchmarkVerify(b *testing.B) {
	q := request{
		method: "POST", url: suiteURL + "/", service: "kms", token: suiteToken, body: strings.Repeat("x", 5<<10),
		header: headers("X-Amz-Target", "TrentService.Encrypt", "Content-Type", "application/x-amz-json-1.1", "Amz-Sdk-Invocation-Id", "a", "Amz-Sdk-Request", "attempt=1; max=3"),
	}
	r := q.send(b, nil)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	v := sigv4.New(clock.NewFake(suiteTime))
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, s, sigv4.NewSecret(suiteSecret), body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChunkReader is the documented upload of 65 KiB in signed chunks.
func BenchmarkChunkReader(b *testing.B) {
	_, body := docUpload(true)
	b.SetBytes(66560)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := docUpload(true)
		if _, err := io.Copy(io.Discard, open(b, r, strings.NewReader(body))); err != nil {
			b.Fatal(err)
		}
	}
}
