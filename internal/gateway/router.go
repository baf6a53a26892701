package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// serviceOfQuery returns the service that a query request is for: the one that
// the signature's scope names, or, where that is shared or missing, the one
// whose version and action it is.
func serviceOfQuery(signing, version, action string) (string, bool) {
	named := wire.BySigningName(signing)
	if len(named) == 1 {
		return named[0], true
	}
	byVersion, ok := wire.ByVersion(version, action)
	if signing == "" || slices.Contains(named, byVersion) {
		return byVersion, ok
	}
	return "", false
}

// controlPath begins the paths of S3 Control, which is signed for like S3. No bucket can
// be called so: the version is followed by one of S3 Control's own nouns.
const controlPath = "/v20180820/"

// serviceOfREST returns the service that a REST request is for. A request that
// nobody signed can only be S3's.
func serviceOfREST(signing string, r *http.Request) (string, bool) {
	if signing == "" || signing == "s3" {
		if signing != "" && strings.HasPrefix(r.URL.Path, controlPath) && r.Header.Get("X-Amz-Account-Id") != "" {
			return "s3control", true
		}
		return "s3", true
	}
	named := wire.BySigningName(signing)
	if len(named) == 0 {
		return "", false
	}
	return named[0], true
}

// bucketOf returns the bucket that a virtual-host name carries:
// "photos.s3.us-east-1.amazonaws.com", "photos.s3.localhost:4566".
func bucketOf(host string) (string, bool) {
	host, _, _ = strings.Cut(host, ":")
	for i := 0; i < len(host); {
		j := strings.Index(host[i:], ".s3")
		if j < 0 {
			return "", false
		}
		at := i + j
		rest := host[at+len(".s3"):]
		if at > 0 && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-")) {
			return host[:at], true
		}
		i = at + 1
	}
	return "", false
}
