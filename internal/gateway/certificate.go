package gateway

import (
	"net/http"
	"strconv"
	"strings"
)

// certificatePrefix begins the path of SNS's certificates. No bucket can be called so,
// because it has capitals.
const certificatePrefix = "/SimpleNotificationService-"

// serveCertificate answers a plain GET of a certificate, which is public and no API
// call. It reports whether the request was one.
func (g *Gateway) serveCertificate(w http.ResponseWriter, r *http.Request) bool {
	if g.Certificate == nil || r.Method != http.MethodGet || r.URL.RawQuery != "" || !strings.HasPrefix(r.URL.Path, certificatePrefix) {
		return false
	}
	if _, ok := bucketOf(r.Host); ok {
		return false // an object may well be called so
	}
	pem, ok := g.Certificate(r.Context(), r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return true
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Header().Set("Content-Length", strconv.Itoa(len(pem)))
	if _, err := w.Write(pem); err != nil {
		g.Logger.DebugContext(r.Context(), "the client of a certificate went away", "error", err.Error())
	}
	return true
}
