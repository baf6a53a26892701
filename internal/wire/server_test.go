package wire_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/garrison-cloud/garrison/internal/wire"
)

const requestID = "5f0a1c52-0000-4000-8000-5d3b9ad5e6a1"

// A server answers API calls with this package alone: no authentication, and a
// function in place of the handlers.
type server struct {
	t       *testing.T
	service *wire.Service
	// unchecked leaves out the constraints.
	unchecked bool
	answer    func(op *wire.Operation, in any) (any, error)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, name, labels := s.route(r)
	var body []byte
	req := &wire.Request{Method: r.Method, Labels: labels, RawQuery: r.URL.RawQuery, Header: r.Header, Host: r.Host, Stream: r.Body}
	op, ok := s.service.Operation(name)
	if !ok {
		write(s.t, w, s.service.EncodeError(p, wire.UnknownOperation.In(p, "no operation "+name+" for "+r.Method+" "+r.URL.String()), requestID))
		return
	}
	if !op.Streams() {
		body, _ = io.ReadAll(r.Body)
		req.Body = body
	}
	if p == wire.Query || p == wire.EC2 {
		action, _ := wire.Form(string(body), r.URL.RawQuery)
		if op, ok = s.service.Operation(action); !ok {
			write(s.t, w, s.service.EncodeError(p, wire.UnknownOperation.In(p, "no operation "+action), requestID))
			return
		}
	}
	write(s.t, w, s.serve(p, op, req))
}

func (s *server) serve(p wire.Protocol, op *wire.Operation, req *wire.Request) *wire.Response {
	decode := s.service.Decode
	if s.unchecked {
		decode = s.service.DecodeOnly
	}
	in, err := decode(p, op, req)
	if err != nil {
		return s.service.EncodeError(p, s.service.AsError(p, err), requestID)
	}
	out, err := s.answer(op, in)
	if err != nil {
		return s.service.EncodeError(p, s.service.AsError(p, err), requestID)
	}
	resp, err := s.service.Encode(p, op, out, requestID)
	if err != nil {
		s.t.Errorf("encode %s: %v", op.Name, err)
		return s.service.EncodeError(p, wire.Internal(p, err), requestID)
	}
	return resp
}

// route finds what the gateway would.
func (s *server) route(r *http.Request) (p wire.Protocol, op string, labels map[string]string) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, op, _ = wire.ByTarget(target)
		if r.Header.Get("Content-Type") == "application/x-amz-json-1.0" {
			return wire.JSON10, op, nil
		}
		return wire.JSON11, op, nil
	}
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		_, op, _ = wire.ByRPCPath(r.URL.Path)
		return wire.CBOR, op, nil
	}
	for _, p := range s.service.Protocols() {
		switch p {
		case wire.RestJSON, wire.RestXML:
			op, labels, _ = s.service.Match(r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header)
			return p, op, labels
		case wire.Query, wire.EC2:
			for op := range s.service.Operations() {
				return p, op.Name, nil // the form in the body names the real one
			}
		default: // the headers have told it
		}
	}
	return 0, "", nil
}

func write(t *testing.T, w http.ResponseWriter, r *wire.Response) {
	maps.Copy(w.Header(), r.Header)
	w.WriteHeader(r.Status)
	if r.Stream != nil {
		if _, err := io.Copy(w, r.Stream); err != nil {
			t.Errorf("send stream: %v", err)
		}
		if err := r.Stream.Close(); err != nil {
			t.Errorf("close stream: %v", err)
		}
		return
	}
	if _, err := w.Write(r.Body); err != nil {
		t.Logf("send body: %v", err) // HEAD and 204 have none
	}
}

func start(t *testing.T, s *wire.Service, answer func(*wire.Operation, any) (any, error)) aws.Config {
	t.Helper()
	return serve(t, &server{t: t, service: s, answer: answer})
}

func serve(t *testing.T, s *server) aws.Config {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return aws.Config{
		Region:           "eu-central-1",
		BaseEndpoint:     aws.String(srv.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient:       srv.Client(),
		RetryMaxAttempts: 1,
	}
}

// operationsOf makes an operation of each method of an SDK client that is an API
// call. Their handlers are never run.
func operationsOf[C any]() []wire.Operation {
	t := reflect.TypeFor[*C]()
	var ops []wire.Operation
	for m := range t.Methods() {
		f := m.Type
		if f.NumIn() != 4 || f.NumOut() != 2 || f.In(2).Kind() != reflect.Pointer || !strings.HasSuffix(f.In(2).Elem().Name(), "Input") {
			continue
		}
		ops = append(ops, wire.Operation{Name: m.Name, In: f.In(2).Elem(), Out: f.Out(0).Elem()})
	}
	return ops
}

// operation is an operation whose handler is never run.
func operation[I, O any](name string) wire.Operation {
	return wire.Operation{Name: name, In: reflect.TypeFor[I](), Out: reflect.TypeFor[O]()}
}
