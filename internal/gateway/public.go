package gateway

import (
	"net/http"
)

// A Public answers a request that anybody may make and that is no API call: for a
// certificate, a revocation list, a status. It reports whether the request was its own;
// if not, it has written nothing and read nothing of the body.
type Public func(w http.ResponseWriter, r *http.Request) bool

// servePublic gives a request that nobody signed, and whose host names no bucket, to
// those that may answer it, and reports whether one did.
func (g *Gateway) servePublic(w http.ResponseWriter, r *http.Request) bool {
	if len(g.Public) == 0 || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" {
		return false
	}
	if _, ok := bucketOf(r.Host); ok {
		return false // an object may well be called so
	}
	for _, serve := range g.Public {
		if serve(w, r) {
			return true
		}
	}
	return false
}
