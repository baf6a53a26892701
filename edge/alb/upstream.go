package alb

import (
	"bytes"
	"encoding/hex"
	"io"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/edge/http1"
)

// maxHops is how many addresses X-Forwarded-For may hold (Application Load Balancer guide,
// "HTTP 463").
const maxHops = 30

func (ex *exchange) tooManyHops() bool {
	n := 0
	for i := range ex.req.Fields {
		if f := &ex.req.Fields[i]; f.Kind == http1.ForwardedFor {
			n += 1 + bytes.Count(f.Value, []byte{','})
		}
	}
	return n > maxHops
}

// appendHead writes the request's head as the target gets it: the client's fields in
// their order, without those of the hop, and the balancer's own.
func (ex *exchange) appendHead(b []byte) []byte {
	b = append(append(b, ex.req.Method...), ' ')
	b = appendTarget(b, ex.target())
	b = append(b, " HTTP/1.1\r\n"...)
	ex.eachField(func(name, value []byte) { b = appendField(b, name, value) })
	switch {
	case ex.req.Upgrade != nil:
		b = append(append(append(b, "Connection: Upgrade\r\nUpgrade: "...), ex.req.Upgrade...), "\r\n"...)
	case ex.req.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case ex.req.Length > 0 || ex.announcesNothing():
		b = strconv.AppendInt(append(b, "Content-Length: "...), ex.req.Length, 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// announcesNothing reports whether an empty request needs Content-Length: 0 (RFC 9110 §8.6).
func (ex *exchange) announcesNothing() bool {
	m := string(ex.req.Method)
	return m == "POST" || m == "PUT" || m == "PATCH"
}

// appendTarget writes a request target of printable bytes only: what a parser could take
// for the line's end is escaped.
func appendTarget(b, target []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range target {
		if c > ' ' && c < 0x7f {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

func appendChunk(b, p []byte, chunked bool) []byte {
	if !chunked {
		return append(b, p...)
	}
	b = strconv.AppendUint(b, uint64(len(p)), 16)
	b = append(append(b, "\r\n"...), p...)
	return append(b, "\r\n"...)
}

// target is the request's target after the rule's transforms.
func (ex *exchange) target() []byte {
	if ex.url != "" {
		return []byte(ex.url)
	}
	return ex.req.Target
}

// eachField yields the fields for the target: Host first, then the client's, then ours.
func (ex *exchange) eachField(yield func(name, value []byte)) {
	yield([]byte("Host"), ex.hostField())
	nominated := ex.req.Field(http1.Connection)
	for i := range ex.req.Fields {
		if f := &ex.req.Fields[i]; ex.forwards(f, nominated) {
			yield(f.Name, f.Value)
		}
	}
	ex.forwardedFields(yield)
	for _, h := range ex.inserts {
		yield([]byte(h.Name), []byte(h.Value))
	}
	if ex.peer.tls != nil {
		ex.tlsFields(yield)
	}
}

// wafPrefix begins the fields that only the firewall may set, where there is one.
const wafPrefix = "x-amzn-waf-"

// forwards decides on one field of the client's.
func (ex *exchange) forwards(f *http1.Field, nominated []byte) bool {
	switch f.Kind {
	case http1.Other, http1.Cookie, http1.UserAgent, http1.Date, http1.Server, http1.SetCookie:
	case http1.ForwardedFor:
		return ex.p.cfg.Attributes.Forwarded == PreserveForwarded
	case http1.TE:
		return http1.HasToken(f.Value, "trailers")
	default:
		return false
	}
	if ex.p.cfg.Firewall != nil && len(f.Name) > len(wafPrefix) && http1.EqualFold(f.Name[:len(wafPrefix)], wafPrefix) {
		return false
	}
	if f.Odd && ex.p.cfg.Attributes.DropInvalidFields {
		return false
	}
	if nominated != nil && http1.HasToken(nominated, strings.ToLower(string(f.Name))) {
		return false
	}
	return true
}

// hostField is the Host the target sees: unless it is preserved, a port that is not the
// scheme's own is added (Application Load Balancer guide, "Host header preservation").
func (ex *exchange) hostField() []byte {
	host := ex.req.Host
	if ex.host != "" {
		host = []byte(ex.host)
	}
	port := ex.peer.port
	if ex.p.cfg.Attributes.PreserveHost || port == 80 || port == 443 || len(hostName(host)) != len(host) || len(host) == 0 {
		return host
	}
	return strconv.AppendUint(append(append([]byte(nil), host...), ':'), uint64(port), 10)
}

func (ex *exchange) forwardedFields(yield func(name, value []byte)) {
	a := &ex.p.cfg.Attributes
	if a.Forwarded == AppendForwarded {
		yield([]byte("X-Forwarded-For"), ex.forwardedFor(a.ForwardedPort))
	}
	if ex.l.TLS != nil {
		yield([]byte("X-Forwarded-Proto"), []byte("https"))
	} else {
		yield([]byte("X-Forwarded-Proto"), []byte("http"))
	}
	yield([]byte("X-Forwarded-Port"), strconv.AppendUint(nil, uint64(ex.peer.port), 10))
	yield([]byte("X-Amzn-Trace-Id"), ex.traceID())
}

func (ex *exchange) forwardedFor(withPort bool) []byte {
	var b []byte
	for i := range ex.req.Fields {
		if f := &ex.req.Fields[i]; f.Kind == http1.ForwardedFor && len(f.Value) > 0 {
			b = append(append(b, f.Value...), ", "...)
		}
	}
	if withPort {
		return ex.peer.remote.AppendTo(b)
	}
	return ex.peer.remote.Addr().AppendTo(b)
}

// traceID is the request's X-Amzn-Trace-Id: the client's, with Self before it, or a Root
// of our own (Application Load Balancer guide, "Request tracing").
func (ex *exchange) traceID() []byte {
	if ex.trace != nil {
		return ex.trace
	}
	var id [12]byte
	_, _ = io.ReadFull(ex.b.deps.Rand, id[:])
	fresh := strconv.AppendUint(nil, uint64(uint32(ex.begin.Unix())), 16) //nolint:gosec // the format has 32 bits
	fresh = hex.AppendEncode(append(append([]byte("1-"), fresh...), '-'), id[:])
	given := ex.req.Field(http1.TraceID)
	if !bytes.Contains(given, []byte("Root=")) {
		ex.trace = append([]byte("Root="), fresh...)
		if len(given) > 0 {
			ex.trace = append(append(ex.trace, ';'), given...)
		}
		return ex.trace
	}
	ex.trace = append(append(append([]byte("Self="), fresh...), ';'), withoutSelf(given)...)
	return ex.trace
}

func withoutSelf(v []byte) []byte {
	var kept [][]byte
	for part := range bytes.SplitSeq(v, []byte{';'}) {
		if !bytes.HasPrefix(bytes.TrimSpace(part), []byte("Self=")) {
			kept = append(kept, part)
		}
	}
	return bytes.Join(kept, []byte{';'})
}

// transforms applies the rule's rewrites; the first whose expression matches counts.
func (ex *exchange) transforms() {
	rewritten := func(ws []rewrite, in []byte) string {
		for _, w := range ws {
			if w.re.Match(in) {
				return string(w.re.ReplaceAll(in, w.replace))
			}
		}
		return ""
	}
	ex.host = rewritten(ex.rule.host, ex.req.Host)
	ex.url = rewritten(ex.rule.url, ex.req.Target)
	if len(ex.rule.host)+len(ex.rule.url) == 0 {
		return
	}
	ex.transform = "TransformSuccess"
	if strings.ContainsFunc(ex.host, func(c rune) bool { return printable(c) < 0 }) {
		ex.host, ex.transform = "", "TransformInvalid"
	}
	if ex.url != "" && ex.url[0] != '/' {
		ex.url = "/" + ex.url
	}
}
