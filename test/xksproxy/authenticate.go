package xksproxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	service   = "kms-xks-proxy"
	dateForm  = "20060102T150405Z"
	maxSkew   = 5 * time.Minute
)

// A signature is the Authorization header, taken apart.
type signature struct {
	keyID, day, region string
	headers            []string
	value              string
}

// authentic follows Appendix A of the specification, task by task.
func (p *Proxy) authentic(r *http.Request, body []byte) bool {
	s, ok := parseSignature(r.Header.Values("Authorization"))
	if !ok || !slices.Contains(s.headers, "host") || !slices.Contains(s.headers, "x-amz-date") {
		return false
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(dateForm, date)
	if err != nil || !strings.HasPrefix(date, s.day+"T") || p.now().Sub(at).Abs() > maxSkew {
		return false
	}
	p.mu.Lock()
	secret, known := p.credentials[s.keyID]
	p.mu.Unlock()
	if !known || p.region != "" && s.region != p.region {
		return false
	}
	want := s.compute(secret, date, canonical(r, s.headers, body))
	return hmac.Equal([]byte(want), []byte(s.value))
}

// parseSignature takes one header of the one form that is in use.
func parseSignature(values []string) (s signature, ok bool) {
	if len(values) != 1 {
		return s, false
	}
	rest, ok := strings.CutPrefix(values[0], algorithm+" ")
	fields := strings.Split(rest, ",")
	if !ok || len(fields) != 3 {
		return s, false
	}
	credential, ok1 := strings.CutPrefix(strings.TrimSpace(fields[0]), "Credential=")
	headers, ok2 := strings.CutPrefix(strings.TrimSpace(fields[1]), "SignedHeaders=")
	value, ok3 := strings.CutPrefix(strings.TrimSpace(fields[2]), "Signature=")
	scope := strings.Split(credential, "/")
	if !ok1 || !ok2 || !ok3 || len(scope) != 5 || scope[3] != service || scope[4] != "aws4_request" {
		return s, false
	}
	s = signature{keyID: scope[0], day: scope[1], region: scope[2], headers: strings.Split(headers, ";"), value: value}
	return s, slices.IsSorted(s.headers)
}

// canonical is task 1. A path here has no character that escaping would change,
// and there is never a query.
func canonical(r *http.Request, headers []string, body []byte) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n\n")
	for _, name := range headers {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		b.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	sum := sha256.Sum256(body)
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + hex.EncodeToString(sum[:]))
	return b.String()
}

// compute is tasks 2 and 3.
func (s signature) compute(secret, date, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{s.day, s.region, service, "aws4_request"}, "/")
	toSign := strings.Join([]string{algorithm, date, scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.day, s.region, service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
