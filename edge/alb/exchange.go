package alb

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/engine/waf"
)

// A source is a request's content. http1.Body describes its methods.
type source interface {
	Next() ([]byte, error)
	Done() bool
	Ready() bool
	TrailerFields() []http1.Field
}

// exchange is one request and its answer. It dies with them.
type exchange struct {
	b    *Balancer
	p    *program
	l    *listener
	peer *peer
	req  *http1.Request
	body source
	out  responder

	rule    *rule
	group   *target.Group
	member  *target.Member
	inserts []waf.Header
	cookies []http1.Field // Set-Cookie fields of stickiness
	trace   []byte
	head    head
	answer  *http1.Response

	close    bool          // the connection ends after this
	h2       *http.Request // the stream, for HTTP/2 clients
	stream   *h2Body       // its content
	failed   bool          // the response broke off
	begun    bool          // a head went to the client
	upgraded bool

	// for the access log
	begin, sentAt, answeredAt time.Time
	received                  int64
	status, targetStatus      int
	actions                   []byte
	redirected                string
	errorReason               string
	host, url                 string // transformed
	transform                 string
}

// run takes the request through the stages.
func (ex *exchange) run(ctx context.Context) {
	defer ex.log()
	if !ex.p.cfg.Attributes.Desync.Admits(ex.req.Class) {
		ex.close = true
		ex.errorPage(400)
		return
	}
	if string(ex.req.Method) == "TRACE" || string(ex.req.Method) == "CONNECT" {
		ex.errorPage(405)
		return
	}
	f := ex.facts()
	if !ex.firewall(&f) {
		return
	}
	ex.rule = find(ex.l.rules, &f)
	switch a := &ex.rule.Action; {
	case a.Fixed != nil:
		ex.acted("fixed-response")
		ex.fixed(a.Fixed)
	case a.Redirect != nil:
		ex.acted("redirect")
		ex.redirect(a.Redirect, &f)
	default:
		ex.acted("forward")
		ex.transforms()
		ex.forward(ctx)
	}
}

func (ex *exchange) acted(name string) {
	if len(ex.actions) > 0 {
		ex.actions = append(ex.actions, ',')
	}
	ex.actions = append(ex.actions, name...)
}

func (ex *exchange) facts() facts {
	path, query, _ := bytes.Cut(ex.req.Target, []byte{'?'})
	query, _, _ = bytes.Cut(query, []byte{'#'})
	return facts{req: ex.req, host: hostName(ex.req.Host), path: path, query: query, source: ex.peer.remote.Addr()}
}

// hostName cuts the port off an authority.
func hostName(h []byte) []byte {
	if i := bytes.LastIndexByte(h, ':'); i >= 0 && bytes.IndexByte(h[i:], ']') < 0 {
		return h[:i]
	}
	return h
}

// respond sends a small whole response of the balancer's own.
func (ex *exchange) respond(status int, fields []http1.Field, body []byte) {
	isHead := string(ex.req.Method) == "HEAD"
	ex.status, ex.begun = status, true
	if ex.req.Method == nil {
		ex.close = true
	}
	h := &head{
		status: status, reason: []byte(reasonText(status)), fields: fields, length: int64(len(body)),
		announced: int64(len(body)), noContent: isHead, close: ex.close, server: true,
	}
	if ex.out.begin(h) != nil {
		ex.failed = true
		return
	}
	if !isHead && ex.out.write(body) != nil || ex.out.end(nil) != nil || ex.out.flush() != nil {
		ex.failed = true
	}
}

func field(name, value string) http1.Field {
	return http1.Field{Name: []byte(name), Value: []byte(value), Kind: http1.KindOf([]byte(name))}
}

// own returns the fields of every response that the balancer makes itself.
func (ex *exchange) own(contentType string) []http1.Field {
	fields := []http1.Field{field("Server", "awselb/2.0"), field("Date", httpDate(ex.b.deps.Clock.Now()))}
	if ex.l != nil && ex.l.Response.HideServer {
		fields = fields[1:]
	}
	if contentType != "" {
		fields = append(fields, field("Content-Type", contentType))
	}
	return fields
}

func httpDate(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 GMT") }

func (ex *exchange) fixed(f *Fixed) {
	contentType := f.ContentType
	if contentType == "" && f.Body != "" {
		contentType = "text/plain"
	}
	if contentType != "" {
		contentType += "; charset=utf-8"
	}
	ex.respond(f.Status, ex.extend(ex.own(contentType)), []byte(f.Body))
}

// extend adds the listener's response fields.
func (ex *exchange) extend(fields []http1.Field) []http1.Field {
	return append(fields, ex.l.Response.Set...)
}

// redirect answers with a Location built from the request's parts.
func (ex *exchange) redirect(r *Redirect, f *facts) {
	protocol := "HTTP"
	if ex.l.TLS != nil {
		protocol = "HTTPS"
	}
	// One pass: what a client put into its path is not filled in again.
	parts := strings.NewReplacer("#{protocol}", protocol, "#{host}", string(f.host), "#{port}", strconv.Itoa(int(ex.peer.port)),
		"#{path}", string(bytes.TrimPrefix(f.path, []byte{'/'})), "#{query}", string(f.query))
	location := redirectURL(r, parts)
	if len(location) > 8<<10 {
		ex.errorPage(507)
		return
	}
	ex.redirected = location
	fields := append(ex.own("text/html"), field("Location", location))
	ex.respond(r.Status, ex.extend(fields), page(r.Status))
}
