package alb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/edge/http1"
)

func lengthText(n int64) string { return strconv.FormatInt(n, 10) }

// viaHTTP2 sends the request to a target that speaks HTTP/2 or gRPC. Both directions
// stream at once.
func (ex *exchange) viaHTTP2(ctx context.Context) error {
	ex.sentAt = ex.b.deps.Clock.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := ex.h2Request(ctx)
	resp, err := ex.member.RoundTripper().RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			return errGone
		}
		return dialError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	ex.answeredAt = ex.b.deps.Clock.Now()
	return ex.relayHTTP2(resp)
}

func (ex *exchange) h2Request(ctx context.Context) *http.Request {
	scheme := "http"
	if ex.group.Config().Protocol == "HTTPS" {
		scheme = "https"
	}
	path, query, _ := strings.Cut(string(appendTarget(nil, ex.target())), "?")
	r := (&http.Request{
		Method: string(ex.req.Method), Header: http.Header{}, Host: string(ex.hostField()),
		URL:           &url.URL{Scheme: scheme, Host: ex.member.Target.Address.String(), Opaque: "", Path: path, RawQuery: query},
		ContentLength: ex.req.Length, Proto: "HTTP/2.0", ProtoMajor: 2,
	}).WithContext(ctx)
	if unescaped, err := url.PathUnescape(path); err == nil {
		r.URL.Path, r.URL.RawPath = unescaped, path
	}
	ex.eachField(func(name, value []byte) {
		if !http1.EqualFold(name, "host") {
			r.Header.Add(string(name), string(value))
		}
	})
	if r.Header.Get("User-Agent") == "" {
		r.Header["User-Agent"] = nil
	}
	if ex.req.HasBody() {
		r.Body = &sourceReader{source: ex.body}
	}
	if ex.h2 != nil {
		r.Trailer = ex.h2.Trailer
	}
	return r
}

// sourceReader reads content as an io.Reader.
type sourceReader struct {
	source
	left []byte
}

// Read implements io.Reader.
func (s *sourceReader) Read(p []byte) (int, error) {
	for len(s.left) == 0 {
		var err error
		if s.left, err = s.Next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *sourceReader) Close() error { return nil }

func (ex *exchange) relayHTTP2(resp *http.Response) error {
	answer := ex.response()
	answer.Status, answer.Reason = resp.StatusCode, []byte(http.StatusText(resp.StatusCode))
	answer.Fields = fieldsOf(resp.Header, strings.ToLower)
	answer.Length, answer.Announced = resp.ContentLength, resp.ContentLength
	ex.targetStatus = resp.StatusCode
	ex.extra()
	ex.begun, ex.status = true, resp.StatusCode
	if err := ex.out.begin(ex.headOf(answer)); err != nil {
		return errGone
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if ex.out.write(buf[:n]) != nil || ex.out.flush() != nil {
				return errGone
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(errTarget, err)
		}
	}
	return ex.out.end(fieldsOf(resp.Trailer, strings.ToLower))
}
