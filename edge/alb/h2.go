package alb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// h2Server serves HTTP/2 clients by the standard library's server, which bounds streams
// and resets; field order on the wire is lost there, so fields come sorted by name.
type h2Server struct {
	b     *Balancer
	srv   *http.Server
	queue chan net.Conn
	start sync.Once
	stop  sync.Once
	done  chan struct{}
}

type connKey struct{}

// maxStreams is AWS's limit of parallel requests on a connection (Application Load
// Balancer guide, "Listeners", HTTP/2).
const maxStreams = 128

func newH2Server(b *Balancer) *h2Server {
	s := &h2Server{b: b, queue: make(chan net.Conn), done: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	s.srv = &http.Server{
		Handler: s, Protocols: protocols, MaxHeaderBytes: http1.MaxHead, ReadHeaderTimeout: time.Minute,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: 16 << 10},
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if tc, ok := c.(*tls.Conn); ok {
				if h, ok := tc.NetConn().(*helloConn); ok {
					return context.WithValue(ctx, connKey{}, h.c)
				}
			}
			return ctx
		},
	}
	return s
}

// serve hands a connection to the HTTP/2 server and waits for its end.
func (s *h2Server) serve(ctx context.Context, c *client) {
	tc, ok := c.nc.(*tls.Conn)
	if !ok {
		return
	}
	h, ok := tc.NetConn().(*helloConn)
	if !ok {
		return
	}
	s.start.Do(func() { s.srv.IdleTimeout = s.b.live.Load().idle; go func() { _ = s.srv.Serve(s) }() })
	select {
	case s.queue <- tc:
	case <-s.done:
		return
	case <-ctx.Done():
		return
	}
	<-h.closed
}

// Accept implements net.Listener for the HTTP/2 server.
func (s *h2Server) Accept() (net.Conn, error) {
	select {
	case c := <-s.queue:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *h2Server) Close() error { return nil }

// Addr implements net.Listener.
func (s *h2Server) Addr() net.Addr { return &net.TCPAddr{} }

func (s *h2Server) drain(ctx context.Context) {
	s.stop.Do(func() {
		close(s.done)
		go func() { _ = s.srv.Shutdown(ctx) }()
	})
}

// ServeHTTP takes one stream through the same stages as an HTTP/1 request.
func (s *h2Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(connKey{}).(*client)
	p := s.b.live.Load()
	var l *listener
	if ok {
		l = p.listeners[c.port]
	}
	if l == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	out := &h2Response{w: w, ctl: http.NewResponseController(w)}
	ex := &exchange{b: s.b, p: p, l: l, peer: &c.peer, req: h1Request(r), out: out, begin: s.b.deps.Clock.Now(), h2: r}
	ex.stream = &h2Body{r: r, out: out, timeout: p.idle}
	ex.body = ex.stream
	defer func() {
		if e := recover(); e != nil {
			panic(http.ErrAbortHandler) // the stream is reset, the connection lives
		}
	}()
	ex.run(r.Context())
	if ex.failed {
		panic(http.ErrAbortHandler)
	}
}

// h1Request describes an HTTP/2 request as the stages know requests.
func h1Request(r *http.Request) *http1.Request {
	q := &http1.Request{Method: []byte(r.Method), Target: []byte(r.RequestURI), Host: []byte(r.Host), Minor: 1, Length: r.ContentLength}
	if r.ContentLength < 0 {
		q.Chunked = true
	}
	q.Fields = append(q.Fields, field("host", r.Host))
	q.Fields = append(q.Fields, fieldsOf(r.Header, strings.ToLower)...)
	return q
}

// fieldsOf lists a header sorted by name.
func fieldsOf(h http.Header, name func(string) string) []http1.Field {
	out := make([]http1.Field, 0, len(h))
	for k, vs := range h {
		for _, v := range vs {
			out = append(out, field(name(k), v))
		}
	}
	slices.SortStableFunc(out, func(a, b http1.Field) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return out
}

// h2Body is a stream's content.
type h2Body struct {
	r       *http.Request
	out     *h2Response
	timeout time.Duration
	buf     []byte
	read    atomic.Int64 // the target's side may still read when the answer is logged
	done    bool
}

// Next implements source.
func (y *h2Body) Next() ([]byte, error) {
	if y.done {
		return nil, io.EOF
	}
	if y.buf == nil {
		y.buf = make([]byte, 16<<10)
	}
	for {
		_ = y.out.ctl.SetReadDeadline(clock.System{}.Now().Add(y.timeout))
		n, err := y.r.Body.Read(y.buf)
		y.read.Add(int64(n))
		y.done = errors.Is(err, io.EOF)
		switch {
		case n > 0:
			return y.buf[:n], nil
		case err != nil:
			return nil, err
		}
	}
}

// Done implements source.
func (y *h2Body) Done() bool { return y.done }

// Ready implements source.
func (y *h2Body) Ready() bool { return y.done }

// TrailerFields implements source.
func (y *h2Body) TrailerFields() []http1.Field { return fieldsOf(y.r.Trailer, strings.ToLower) }

// h2Response writes a response to a stream.
type h2Response struct {
	w    http.ResponseWriter
	ctl  *http.ResponseController
	sent int64
}

func (o *h2Response) written() int64 { return o.sent }

func (o *h2Response) begin(h *head) error {
	header := o.w.Header()
	for _, list := range [][]http1.Field{h.fields, h.extra} {
		for _, f := range list {
			if passes(f.Kind) && (h.server || f.Kind != http1.Server) {
				header[http.CanonicalHeaderKey(string(f.Name))] = append(header[http.CanonicalHeaderKey(string(f.Name))], string(f.Value))
			}
		}
	}
	if h.announced >= 0 && h.status != 204 {
		header["Content-Length"] = []string{lengthText(h.announced)}
	}
	if header["Date"] == nil {
		header["Date"] = nil // the target sent none: add none
	}
	o.w.WriteHeader(h.status)
	return nil
}

func (o *h2Response) write(p []byte) error {
	n, err := o.w.Write(p)
	o.sent += int64(n)
	return err
}

func (o *h2Response) flush() error { return o.ctl.Flush() }

func (o *h2Response) end(trailers []http1.Field) error {
	for _, f := range trailers {
		o.w.Header().Add(http.TrailerPrefix+string(f.Name), string(f.Value))
	}
	return nil
}

func (o *h2Response) inform(r *http1.Response) error {
	for _, f := range r.Fields {
		o.w.Header().Add(string(f.Name), string(f.Value))
	}
	o.w.WriteHeader(r.Status)
	for _, f := range r.Fields {
		o.w.Header().Del(string(f.Name))
	}
	return nil
}
