package alb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// Errors of a target that decide the status a client sees.
var (
	errTarget     = errors.New("alb: target broke off")        // 502
	errTimeout    = errors.New("alb: target too slow")         // 504
	errGone       = errors.New("alb: client closed")           // 460
	errClientBody = errors.New("alb: client's content broken") // 400
)

// forward sends the request to a target of the rule's groups and its answer back.
func (ex *exchange) forward(ctx context.Context) {
	if ex.tooManyHops() {
		ex.errorPage(463)
		return
	}
	if ex.choose(); ex.member == nil {
		ex.errorPage(503)
		return
	}
	cfg := ex.group.Config()
	if status := ex.mismatch(cfg); status != 0 {
		ex.errorPage(status)
		return
	}
	ex.member.Outstanding.Add(1)
	defer ex.member.Outstanding.Add(-1)
	var err error
	switch {
	case cfg.Lambda:
		ex.lambda(ctx, cfg)
		return
	case ex.member.RoundTripper() != nil:
		err = ex.viaHTTP2(ctx)
	default:
		err = ex.viaHTTP1(ctx)
	}
	if err != nil {
		ex.broken(err)
	}
}

// mismatch finds requests that the target group's protocol version cannot take
// (Application Load Balancer guide, "HTTP 464").
func (ex *exchange) mismatch(cfg *target.Config) int {
	_, overH2 := ex.out.(*h2Response)
	switch cfg.Version {
	case "HTTP2":
		if !overH2 && !cfg.Lambda {
			return 464
		}
	case "GRPC":
		if !overH2 || string(ex.req.Method) != "POST" {
			return 464
		}
	default:
		if overH2 && !cfg.Lambda && ex.isGRPC() {
			return 464
		}
	}
	return 0
}

func (ex *exchange) isGRPC() bool {
	for i := range ex.req.Fields {
		if f := &ex.req.Fields[i]; http1.EqualFold(f.Name, "content-type") {
			return bytes.HasPrefix(f.Value, []byte("application/grpc"))
		}
	}
	return false
}

// broken answers for a target or a client that failed, if nothing was answered yet.
func (ex *exchange) broken(err error) {
	ex.close = true
	if ex.begun {
		ex.failed = true
		return
	}
	switch {
	case errors.Is(err, errGone):
		ex.status, ex.failed = 460, true
	case errors.Is(err, errTimeout):
		ex.errorPage(504)
	case errors.Is(err, errSlow) || errors.Is(err, os.ErrDeadlineExceeded):
		ex.errorPage(408)
	case errors.Is(err, errClientBody):
		ex.errorPage(400)
	default:
		ex.errorPage(502)
	}
}

// viaHTTP1 is the common way: one kept connection, one write, one read, one write.
func (ex *exchange) viaHTTP1(ctx context.Context) error {
	retry := idempotent(ex.req.Method) && !ex.req.HasBody() && ex.req.Upgrade == nil
	for fresh := false; ; fresh = true {
		up, err := ex.member.Acquire(ctx, fresh, !retry)
		if err != nil {
			return dialError(err)
		}
		reused := up.Reused
		again, err := ex.over(up)
		if err == nil {
			return nil
		}
		_ = up.Close()
		// A kept connection may have been closed just as it was used (RFC 9112 §9.3.1).
		if !again || !reused || !retry || ex.begun {
			return err
		}
	}
}

func idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

func dialError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return errTimeout
	}
	return errors.Join(errTarget, err)
}

// over does the exchange on one connection. again says that no byte of an answer came, so
// that another connection may try.
func (ex *exchange) over(up *target.Conn) (again bool, err error) {
	ex.sentAt = ex.b.deps.Clock.Now()
	sendErr := ex.sendRequest(up)
	if errors.Is(sendErr, errClientBody) || errors.Is(sendErr, errSlow) {
		return false, sendErr
	}
	// A target may answer and close before it has the whole request: the answer counts.
	raw, err := ex.awaitHead(up)
	if err != nil {
		return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || sendErr != nil, err
	}
	resp := ex.response()
	for {
		if err := resp.Parse(raw, string(ex.req.Method) == "HEAD"); err != nil {
			return false, errors.Join(errTarget, err)
		}
		if resp.Status >= 200 || resp.Status == 101 {
			break
		}
		if resp.Status != 100 && ex.req.Minor > 0 {
			if err := ex.out.inform(resp); err != nil {
				return false, errGone
			}
		}
		if raw, err = ex.awaitHead(up); err != nil {
			return false, err
		}
	}
	ex.answeredAt = ex.b.deps.Clock.Now()
	ex.targetStatus = resp.Status
	if resp.Status == 101 {
		return false, ex.upgrade(up, resp)
	}
	return false, ex.relay(up, resp, sendErr == nil)
}

// response returns the room for the target's head; HTTP/1 clients keep one.
func (ex *exchange) response() *http1.Response {
	if ex.answer == nil {
		if c, ok := ex.out.(*client); ok {
			ex.answer = &c.resp
		} else {
			ex.answer = new(http1.Response)
		}
	}
	return ex.answer
}

// sendRequest writes head and content, in one piece where the content is here already.
func (ex *exchange) sendRequest(up *target.Conn) error {
	_ = up.SetWriteDeadline(clock.System{}.Now().Add(ex.p.idle))
	buf := ex.appendHead(up.Out[:0])
	defer func() { up.Out = buf[:0] }()
	if !ex.req.HasBody() {
		_, err := up.Write(buf)
		return err
	}
	if !ex.body.Ready() {
		if _, err := up.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	return ex.sendBody(up, &buf)
}

func (ex *exchange) sendBody(up *target.Conn, buf *[]byte) error {
	chunked := ex.req.Chunked
	for {
		p, err := ex.body.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return clientError(err)
		}
		*buf = appendChunk(*buf, p, chunked)
		if ex.body.Ready() && len(*buf) < flushAt && !ex.body.Done() {
			continue
		}
		if ex.body.Done() {
			continue // the end goes with the last piece
		}
		if err := ex.push(up, buf); err != nil {
			return err
		}
	}
	if chunked {
		*buf = append(*buf, "0\r\n"...)
		for _, f := range ex.body.TrailerFields() {
			*buf = appendField(*buf, f.Name, f.Value)
		}
		*buf = append(*buf, "\r\n"...)
	}
	return ex.push(up, buf)
}

func clientError(err error) error {
	if errors.Is(err, errSlow) || errors.Is(err, os.ErrDeadlineExceeded) {
		return errSlow
	}
	return errors.Join(errClientBody, err)
}

func (ex *exchange) push(up *target.Conn, buf *[]byte) error {
	if len(*buf) == 0 {
		return nil
	}
	_ = up.SetWriteDeadline(clock.System{}.Now().Add(ex.p.idle))
	_, err := up.Write(*buf)
	*buf = (*buf)[:0]
	return err
}

const slice = time.Second

// awaitHead waits for the target's head, and looks each second whether the client is
// still there.
func (ex *exchange) awaitHead(up *target.Conn) ([]byte, error) {
	begin := clock.System{}.Now()
	now := begin
	for {
		_ = up.SetReadDeadline(now.Add(min(slice, ex.p.idle)))
		raw, err := up.In.Head(http1.MaxResponseHead)
		if err == nil {
			return raw, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, errors.Join(errTarget, err)
		}
		now = clock.System{}.Now()
		if now.Sub(begin) >= ex.p.idle {
			return nil, errTimeout
		}
		if ex.abandoned() {
			return nil, errGone
		}
	}
}

// abandoned reports whether the client closed its connection or reset its stream.
func (ex *exchange) abandoned() bool {
	if ex.h2 != nil {
		return ex.h2.Context().Err() != nil
	}
	c, ok := ex.out.(*client)
	return ok && !target.Alive(c.raw)
}

// relay sends the target's answer to the client, and keeps the target's connection for
// another exchange where both messages ended well.
func (ex *exchange) relay(up *target.Conn, resp *http1.Response, sent bool) error {
	var body http1.Body
	if resp.Length == http1.Untold {
		body.ResetUntilClose(up.In)
	} else {
		body.Reset(up.In, resp.Length)
	}
	ex.extra()
	if resp.Length < 0 && ex.req.Minor == 0 {
		ex.close = true
	}
	ex.begun, ex.status = true, resp.Status
	if err := ex.out.begin(ex.headOf(resp)); err != nil {
		return errGone
	}
	if err := ex.relayBody(up, &body); err != nil {
		return err
	}
	if err := ex.out.end(body.Trailers); err != nil {
		return errGone
	}
	if resp.Close || !sent || ex.p.cfg.Attributes.Desync.Closes(ex.req.Class) {
		_ = up.Close()
	} else {
		ex.member.Release(up)
	}
	return nil
}

// relayBody copies the content. What is here goes out in one write with what follows at
// once; before waiting for more, all goes out.
func (ex *exchange) relayBody(up *target.Conn, body *http1.Body) error {
	now := clock.System{}.Now()
	for {
		if !body.Ready() {
			if err := ex.out.flush(); err != nil {
				return errGone
			}
			_ = up.SetReadDeadline(now.Add(ex.p.idle))
		}
		p, err := body.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(errTarget, err)
		}
		if err := ex.out.write(p); err != nil {
			return errGone
		}
		if !body.Ready() {
			now = clock.System{}.Now()
		}
	}
}

// headOf shapes the target's head for the client.
func (ex *exchange) headOf(resp *http1.Response) *head {
	h := &ex.head
	*h = head{
		status: resp.Status, reason: resp.Reason, fields: resp.Fields, extra: ex.cookies, length: resp.Length,
		announced: resp.Announced, close: ex.close, old: ex.req.Minor == 0, server: !ex.l.Response.HideServer,
	}
	h.noContent = resp.Length == 0 && resp.Announced != 0
	if h.length == http1.Untold {
		h.length = -1
	}
	if len(ex.l.Response.Set) > 0 {
		h.fields = without(h.fields, ex.l.Response.Set)
		h.extra = append(append([]http1.Field(nil), h.extra...), ex.l.Response.Set...)
	}
	return h
}

// without leaves out the fields that others replace.
func without(fields, replaced []http1.Field) []http1.Field {
	out := make([]http1.Field, 0, len(fields))
next:
	for _, f := range fields {
		for _, r := range replaced {
			if sameName(f.Name, r.Name) {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}
