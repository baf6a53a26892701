package gateway_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/gateway"
)

// TestBucketOf reads virtual-host names in each form that AWS and a local
// endpoint have (S3 User Guide, "Virtual hosting of general purpose buckets").
func TestBucketOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"photos.s3.amazonaws.com":                     "photos",
		"photos.s3.us-east-1.amazonaws.com":           "photos",
		"photos.s3-us-west-2.amazonaws.com":           "photos",
		"photos.s3.dualstack.eu-west-1.amazonaws.com": "photos",
		"photos.s3-accelerate.amazonaws.com":          "photos",
		"photos.s3.localhost:4566":                    "photos",
		"my.photos.s3.localhost:4566":                 "my.photos",
		"my.s3x.photos.s3.localhost":                  "my.s3x.photos",
		"s3.amazonaws.com":                            "",
		"s3.us-east-1.amazonaws.com":                  "",
		"s3-us-west-2.amazonaws.com":                  "",
		".s3.localhost":                               "",
		"photos.s3":                                   "",
		"photos.s3x.localhost":                        "",
		"localhost:4566":                              "",
		"127.0.0.1:4566":                              "",
		"[::1]:4566":                                  "",
		"":                                            "",
	} {
		got, ok := gateway.BucketOf(host)
		if got != want || ok != (want != "") {
			t.Errorf("BucketOf(%q) = %q, %v; want %q", host, got, ok, want)
		}
	}
}

// TestBucketOfAnyHost gives whatever a client may send as its Host.
func TestBucketOfAnyHost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z.3s:-]{0,30}`).Draw(t, "host")
		if bucket, ok := gateway.BucketOf(host); ok && (bucket == "" || !strings.HasPrefix(host, bucket+".s3")) {
			t.Errorf("BucketOf(%q) = %q", host, bucket)
		}
	})
}
