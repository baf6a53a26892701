package alb

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unsafe"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/engine/waf"
)

// requests are reused between evaluations, which keep nothing of them.
type requestPool struct{ sync.Pool }

func (p *requestPool) take() *waf.Request {
	if r, ok := p.Get().(*waf.Request); ok {
		return r
	}
	return new(waf.Request)
}

// view shows bytes as a string without a copy.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the firewall reads it before the buffer moves on, and keeps nothing
}

// firewall asks for a verdict and obeys it. It reports whether the request goes on.
func (ex *exchange) firewall(f *facts) bool {
	fw := ex.p.cfg.Firewall
	if fw == nil {
		return true
	}
	r := ex.b.inspected.take()
	defer ex.b.inspected.Put(r)
	if err := ex.inspection(r, f, fw.BodyLimit()); err != nil {
		ex.broken(clientError(err))
		return false
	}
	if p := ex.b.deps.Pages; p != nil {
		if answer, ok := p.Serve(r); ok {
			ex.acted("waf")
			ex.respond(answer.Status, answer.Fields, answer.Body)
			return false
		}
	}
	v, ok := judge(fw, r)
	ex.acted("waf")
	if !ok {
		if ex.p.cfg.Attributes.FirewallFailOpen {
			return true
		}
		ex.errorReason = "WAFUnhandledException"
		ex.errorPage(500)
		return false
	}
	ex.inserts = v.Insert
	if v.Action == waf.Allow {
		return true
	}
	ex.withheld(r, &v)
	return false
}

// judge asks the firewall; a panic is a failure to judge.
func judge(fw Firewall, r *waf.Request) (v waf.Verdict, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return fw.Evaluate(r), true
}

// withheld answers a request that may not go on.
func (ex *exchange) withheld(r *waf.Request, v *waf.Verdict) {
	var fields []http1.Field
	for _, h := range v.ResponseHeaders {
		fields = append(fields, field(h.Name, h.Value))
	}
	if v.Action != waf.Block {
		fields = append(fields, field("x-amzn-waf-action", string(bytes.ToLower([]byte(v.Action)))), field("Cache-Control", "no-store, max-age=0"))
		contentType, body := "text/html", []byte(nil)
		if ex.b.deps.Pages != nil {
			contentType, body = ex.b.deps.Pages.Page(r, v)
		}
		ex.respond(v.Status, append(ex.own(contentType), fields...), body)
		return
	}
	if v.Body == "" {
		ex.respond(v.Status, append(ex.own("text/html"), fields...), page(v.Status))
		return
	}
	ex.respond(v.Status, append(ex.own(v.ContentType), fields...), []byte(v.Body))
}

// inspection fills in what the firewall may know, the first bytes of the content too.
func (ex *exchange) inspection(r *waf.Request, f *facts, limit int) error {
	headers := r.Headers[:0]
	for i := range ex.req.Fields {
		headers = append(headers, waf.Header{Name: view(ex.req.Fields[i].Name), Value: view(ex.req.Fields[i].Value)})
	}
	_, fragment, _ := bytes.Cut(ex.req.Target, []byte{'#'})
	*r = waf.Request{
		Method: view(ex.req.Method), Path: view(f.path), RawQuery: view(f.query), Fragment: view(fragment),
		Proto: ex.proto(), Host: view(f.host), Headers: headers, ClientIP: f.source, Time: ex.begin,
	}
	if h := ex.peer.hello; h != nil {
		r.JA3, r.JA4 = h.JA3, h.JA4
	}
	if !ex.req.HasBody() {
		return nil
	}
	pre := &prefixed{source: ex.body}
	err := pre.read(limit)
	ex.body = pre
	r.Body, r.BodyTruncated = pre.first[:min(len(pre.first), limit)], len(pre.first) > limit
	return err
}

func (ex *exchange) proto() string {
	if _, ok := ex.out.(*h2Response); ok {
		return "HTTP/2.0"
	}
	if ex.req.Minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// prefixed is content whose beginning was read ahead.
type prefixed struct {
	source
	first []byte
	given bool
}

// read takes in one byte more than limit, or all there is.
func (p *prefixed) read(limit int) error {
	for len(p.first) <= limit {
		b, err := p.source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.first = append(p.first, b...)
	}
	return nil
}

// Next implements source.
func (p *prefixed) Next() ([]byte, error) {
	if !p.given && len(p.first) > 0 {
		p.given = true
		return p.first, nil
	}
	return p.source.Next()
}

// Done implements source.
func (p *prefixed) Done() bool { return (p.given || len(p.first) == 0) && p.source.Done() }

// Ready implements source.
func (p *prefixed) Ready() bool { return !p.given && len(p.first) > 0 || p.source.Ready() }
