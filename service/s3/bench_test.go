package s3_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// BenchmarkSmall puts and gets an object of 1 KiB by presigned requests.
func BenchmarkSmall(b *testing.B) {
	c := start(b, "bench")
	put(b, c, "bench", "k", pattern(1024))
	signer := s3.NewPresignClient(c)
	puts, err := signer.PresignPutObject(b.Context(), &s3.PutObjectInput{Bucket: aws.String("bench"), Key: aws.String("k")})
	if err != nil {
		b.Fatal(err)
	}
	gets, err := signer.PresignGetObject(b.Context(), &s3.GetObjectInput{Bucket: aws.String("bench"), Key: aws.String("k")})
	if err != nil {
		b.Fatal(err)
	}
	body := pattern(1024)
	for name, r := range map[string]struct {
		method, url string
		body        []byte
	}{"Put": {puts.Method, puts.URL, body}, "Get": {gets.Method, gets.URL, nil}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequestWithContext(b.Context(), r.method, r.url, bytes.NewReader(r.body))
					if err != nil {
						b.Error(err)
						return
					}
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		})
	}
}
