package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// decode reads a request into a new input.
func (s *Service) decode(p Protocol, op *Operation, r *Request) (reflect.Value, error) {
	in := reflect.New(op.In).Elem()
	if op.plan.events {
		return in, NotImplemented.In(p, "The operation "+op.Name+" speaks in an event stream, which is not implemented.")
	}
	if err := s.read(p, op, r, in); err != nil {
		var m malformed
		if !errors.As(err, &m) {
			return in, err
		}
		return in, MalformedBody.In(p, malformedMessage(p, m))
	}
	return in, nil
}

func (s *Service) read(p Protocol, op *Operation, r *Request, in reflect.Value) error {
	r, err := inflated(op, r)
	if err != nil {
		return err
	}
	n := op.plan.in
	switch p {
	case JSON10, JSON11:
		reader := jsonReader{b: r.Body}
		return reader.document(n, in)
	case Query, EC2:
		f, err := parseForm(formText(r))
		if err != nil {
			return err
		}
		reader := formReader{ec2: p == EC2}
		return reader.structure(n, in, f, "")
	case CBOR:
		return readCBOR(n, in, r.Body)
	default:
		if err := readHTTP(op.plan, r, in); err != nil {
			if p == RestXML { // the body is not to blame
				return InvalidValue.In(p, err.Error())
			}
			return err
		}
		return readBody(p, op, r, in)
	}
}

// maxInflated bounds what a compressed body may become. The largest request
// that AWS takes compressed is CloudWatch's, of 1 MB.
const maxInflated = 4 << 20

// inflated undoes the compression of a body, for operations whose clients
// compress (Smithy 2.0, "requestCompression trait"). It leaves all others alone:
// an S3 object's Content-Encoding is its own.
func inflated(op *Operation, r *Request) (*Request, error) {
	if !op.plan.model.Compressible || !strings.HasSuffix(r.Header.Get("Content-Encoding"), "gzip") {
		return r, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		return nil, malformed("Invalid gzip data")
	}
	body, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	if err != nil || len(body) > maxInflated {
		return nil, malformed("Invalid gzip data")
	}
	plain := *r
	plain.Body = body
	return &plain, nil
}

// formText is where a query client puts its parameters: into the body, or after
// the question mark of a GET.
func formText(r *Request) string {
	if len(r.Body) > 0 {
		return string(r.Body)
	}
	return r.RawQuery
}

// readBody reads a REST protocol's body: one member where the model names it,
// all that are bound to nothing else where not.
func readBody(p Protocol, op *Operation, r *Request, in reflect.Value) error {
	n, m := op.plan.in, op.plan.inPayload
	if m == nil {
		if len(n.byName) == 0 || len(r.Body) == 0 {
			return nil
		}
		if p == RestXML {
			return readXML(n, in, r.Body)
		}
		reader := jsonReader{b: r.Body}
		return reader.document(n, in)
	}
	v := in.Field(m.field)
	switch m.node.kind {
	case model.Blob:
		return readBlob(v, r)
	case model.String:
		if len(r.Body) > 0 {
			m.slot(v).SetString(string(r.Body))
		}
		return nil
	default:
		if len(r.Body) == 0 {
			return nil
		}
		if p == RestXML {
			return readXML(m.node, m.slot(v), r.Body)
		}
		reader := jsonReader{b: r.Body}
		return reader.document(m.node, m.slot(v))
	}
}

// readBlob hands over a stream as it is.
func readBlob(v reflect.Value, r *Request) error {
	if v.Type() != bytesType {
		if r.Stream != nil {
			v.Set(reflect.ValueOf(r.Stream))
		}
		return nil
	}
	if len(r.Body) > 0 {
		v.SetBytes(r.Body)
	}
	return nil
}

// Streams tells that the operation's request body is a stream: it is not read
// before the handler runs, and its signature cannot be checked before either.
func (o *Operation) Streams() bool {
	m := o.plan.inPayload
	return m != nil && m.node.kind == model.Blob && m.node.typ != bytesType
}

// Unauthenticated tells that the operation takes unsigned requests, such as
// sts:AssumeRoleWithWebIdentity.
func (o *Operation) Unauthenticated() bool { return o.plan.model.Unauthenticated }

// UnsignedPayload tells that clients do not sign the operation's body.
func (o *Operation) UnsignedPayload() bool { return o.plan.model.UnsignedPayload }

func malformedMessage(p Protocol, m malformed) string {
	if p == RestXML {
		return "The XML you provided was not well-formed or did not validate against our published schema"
	}
	return string(m)
}
