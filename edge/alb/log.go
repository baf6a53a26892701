package alb

import (
	"crypto/tls"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
)

// A Record is one access log entry (Application Load Balancer guide, "Access log
// entries").
type Record struct {
	LoadBalancer string // ARN
	Type         string // http, https, h2, grpcs, ws, wss
	Time         time.Time
	ID           string
	Client       netip.AddrPort
	Target       netip.AddrPort
	// The three times are negative where a stage was not reached.
	RequestTime, TargetTime, ResponseTime time.Duration
	Status, TargetStatus                  int
	Received, Sent                        int64
	Method, URL, Proto                    string
	UserAgent                             string
	Cipher, TLS                           string
	Group                                 string
	Trace                                 string
	Domain, Certificate                   string
	Priority                              int // -1 no rule, 0 the default rule
	Created                               time.Time
	Actions, Redirect, Error              string
	Class                                 http1.Class
	Reason                                http1.Reason
	Connection                            string // TID_…
	Host, TransformedURL, Transform       string
}

// log hands the finished exchange to the access log.
func (ex *exchange) log() {
	if ex.b.deps.Log == nil || ex.status == 0 {
		return
	}
	now := ex.b.deps.Clock.Now()
	if ex.req.Class != http1.Severe {
		ex.traceID()
	}
	r := &Record{
		LoadBalancer: ex.p.cfg.ARN, Type: ex.kind(), Time: now, ID: ex.p.cfg.ID, Client: ex.peer.remote,
		Status: ex.status, TargetStatus: ex.targetStatus, Received: ex.received,
		Method: string(ex.req.Method), Proto: ex.proto(), UserAgent: string(ex.req.Field(http1.UserAgent)),
		Priority: -1, Created: ex.begin, Actions: string(ex.actions), Redirect: ex.redirected, Error: ex.errorReason,
		Class: ex.req.Class, Reason: ex.req.Reason, Connection: ex.peer.trace,
		Host: ex.host, TransformedURL: ex.url, Transform: ex.transform, Trace: string(ex.trace), URL: ex.loggedURL(),
	}
	if ex.rule != nil {
		r.Priority = ex.rule.Priority
		if ex.rule.Default {
			r.Priority = 0
		}
	}
	if ex.group != nil {
		r.Group = ex.group.Config().ARN
	}
	if ex.member != nil {
		r.Target = ex.member.Target.Address
	}
	if c, ok := ex.out.(*client); ok {
		r.Received += c.body.read
	}
	if ex.stream != nil {
		r.Received = ex.stream.read.Load()
	}
	if c, ok := ex.out.(counter); ok {
		r.Sent = c.written()
	}
	ex.logTimes(r, now)
	ex.logTLS(r)
	ex.b.deps.Log(r)
}

// A counter tells how many bytes of the response went out.
type counter interface{ written() int64 }

// written counts what is still to be flushed too: it belongs to this response.
func (c *client) written() int64 {
	pending := int64(len(c.out))
	n := c.sent + pending
	c.sent = -pending
	return n
}

func (ex *exchange) logTimes(r *Record, now time.Time) {
	r.RequestTime, r.TargetTime, r.ResponseTime = -1, -1, -1
	if ex.sentAt.IsZero() {
		return
	}
	r.RequestTime = ex.sentAt.Sub(ex.begin)
	if !ex.answeredAt.IsZero() {
		r.TargetTime, r.ResponseTime = ex.answeredAt.Sub(ex.sentAt), now.Sub(ex.answeredAt)
	}
}

func (ex *exchange) logTLS(r *Record) {
	t := ex.peer.tls
	if t == nil {
		return
	}
	r.Cipher, r.TLS = openSSLCipher(t.CipherSuite), openSSLVersion(t.Version)
	r.Domain, r.Certificate = t.ServerName, ex.peer.certificate
}

func (ex *exchange) kind() string {
	secure := ex.l != nil && ex.l.TLS != nil
	_, h2 := ex.out.(*h2Response)
	switch {
	case ex.upgraded && secure:
		return "wss"
	case ex.upgraded:
		return "ws"
	case h2 && ex.group != nil && ex.group.Config().Version == "GRPC":
		return "grpcs"
	case h2:
		return "h2"
	case secure:
		return "https"
	}
	return "http"
}

// loggedURL is scheme://host:port/target.
func (ex *exchange) loggedURL() string {
	if len(ex.req.Target) == 0 {
		return "-"
	}
	scheme := "http://"
	if ex.l.TLS != nil {
		scheme = "https://"
	}
	return scheme + string(hostName(ex.req.Host)) + ":" + strconv.Itoa(int(ex.peer.port)) + string(ex.req.Target)
}

// String formats the record as the load balancer's log files hold it, without a line end.
func (r *Record) String() string {
	b := make([]byte, 0, 512)
	add := func(s string) { b = append(append(b, s...), ' ') }
	quote := func(s string) { add(`"` + escape(s) + `"`) }
	add(r.Type)
	add(r.Time.Format(timeFormat))
	add(r.ID)
	add(r.Client.String())
	add(addressOrDash(r.Target))
	add(seconds(r.RequestTime))
	add(seconds(r.TargetTime))
	add(seconds(r.ResponseTime))
	add(codeOrDash(r.Status))
	add(codeOrDash(r.TargetStatus))
	add(strconv.FormatInt(r.Received, 10))
	add(strconv.FormatInt(r.Sent, 10))
	quote(orDash(r.Method) + " " + orDash(r.URL) + " " + orDash(r.Proto))
	quote(orDash(r.UserAgent))
	add(orDash(r.Cipher))
	add(orDash(r.TLS))
	add(orDash(r.Group))
	quote(orDash(r.Trace))
	quote(orDash(r.Domain))
	quote(orDash(r.Certificate))
	add(strconv.Itoa(r.Priority))
	add(r.Created.Format(timeFormat))
	quote(orDash(r.Actions))
	quote(orDash(r.Redirect))
	quote(orDash(r.Error))
	quote(addressOrDash(r.Target))
	quote(codeOrDash(r.TargetStatus))
	r.classify(quote)
	add(orDash(r.Connection))
	quote(orDash(r.Host))
	quote(orDash(r.TransformedURL))
	quote(orDash(r.Transform))
	return string(b[:len(b)-1])
}

const timeFormat = "2006-01-02T15:04:05.000000Z"

func (r *Record) classify(quote func(string)) {
	if r.Class == http1.Compliant {
		quote("-")
		quote("-")
		return
	}
	quote(r.Class.String())
	quote(string(r.Reason))
}

func seconds(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func codeOrDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func addressOrDash(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// escape keeps an entry on one line and its quotes in pairs, whatever a client sent.
func escape(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b.WriteString(`\x` + hexByte(c))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hexByte(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// openSSLVersion is OpenSSL's name of a TLS version, as AWS's logs and fields use it.
func openSSLVersion(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	default:
		return "TLSv1.3"
	}
}

// openSSLCipher is OpenSSL's name of a cipher suite: TLS 1.3's are IANA's names, the
// others drop TLS_ and WITH_.
func openSSLCipher(id uint16) string {
	name := strings.TrimSuffix(tls.CipherSuiteName(id), "_SHA256")
	switch id {
	case tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256:
		return tls.CipherSuiteName(id)
	case tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
	default:
		name = tls.CipherSuiteName(id)
	}
	name = strings.Replace(strings.TrimPrefix(name, "TLS_"), "WITH_", "", 1)
	name = strings.TrimPrefix(name, "RSA_AES")
	if strings.HasPrefix(name, "_") {
		name = "AES" + name
	}
	name = strings.ReplaceAll(strings.ReplaceAll(name, "AES_128", "AES128"), "AES_256", "AES256")
	name = strings.ReplaceAll(name, "_CBC", "")
	return strings.ReplaceAll(name, "_", "-")
}
