package wire

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// encode writes an output.
func (s *Service) encode(p Protocol, op *Operation, out any, requestID string) (*Response, error) {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != op.Out {
		return nil, fmt.Errorf("encode %s: output is %T, want a %s", op.Name, out, op.Out)
	}
	v = v.Elem()
	r := &Response{Status: http.StatusOK, Header: make(http.Header, 4)}
	identify(r.Header, p, requestID)
	if p.rest() {
		if status := op.plan.model.Status; status != 0 {
			r.Status = status
		}
		return r, s.encodeREST(p, op, v, r)
	}
	dst := r.buffer()
	switch p {
	case JSON10, JSON11:
		dst = appendStructure(dst, op.plan.out, v)
	case CBOR:
		r.Header["Smithy-Protocol"] = []string{"rpc-v2-cbor"}
		dst = appendCBORStructure(dst, op.plan.out, v)
	case Query:
		dst = s.appendResult(dst, op, v, requestID)
	default:
		dst = s.appendEC2(dst, op, v, requestID)
	}
	r.body(p.contentType(), dst)
	return r, nil
}

func (r *Response) body(contentType string, b []byte) {
	r.Body = b
	values := []string{contentType, strconv.Itoa(len(b))}
	r.Header["Content-Type"] = values[0:1:1]
	r.Header["Content-Length"] = values[1:2:2]
}

// identify sets the header by which AWS's support finds a request.
func identify(h http.Header, p Protocol, requestID string) {
	if p == RestXML {
		h["X-Amz-Request-Id"] = []string{requestID}
		h["X-Amz-Id-2"] = []string{requestID}
		return
	}
	h["X-Amzn-Requestid"] = []string{requestID}
}

func (s *Service) appendResult(dst []byte, op *Operation, v reflect.Value, requestID string) []byte {
	dst = append(dst, '<')
	dst = append(dst, op.Name...)
	dst = append(dst, "Response"...)
	dst = append(appendXMLNS(dst, s.table.XMLNamespace, ""), '>')
	if wrapper := resultWrapper(op.plan.model); wrapper != "" {
		dst = append(append(append(dst, '<'), wrapper...), '>')
		dst = appendXMLStructure(dst, op.plan.out, v)
		dst = appendEnd(dst, wrapper)
	} else {
		dst = appendXMLStructure(dst, op.plan.out, v)
	}
	dst = append(dst, "<ResponseMetadata><RequestId>"...)
	dst = appendXMLText(dst, requestID)
	dst = append(dst, "</RequestId></ResponseMetadata></"...)
	dst = append(dst, op.Name...)
	return append(dst, "Response>"...)
}

// resultWrapper is the element around an output, if there is one (Smithy 2.0,
// "AWS Query protocol", Response serialization).
func resultWrapper(o *model.Operation) string {
	if o.ResultWrapper == "" && o.Output.Shape != "" {
		return o.Name + "Result"
	}
	return o.ResultWrapper
}

func (s *Service) appendEC2(dst []byte, op *Operation, v reflect.Value, requestID string) []byte {
	dst = append(dst, xmlHead...)
	dst = append(dst, '<')
	dst = append(dst, op.Name...)
	dst = append(dst, "Response"...)
	dst = append(appendXMLNS(dst, ec2Namespace(s), ""), "><requestId>"...)
	dst = appendXMLText(dst, requestID)
	dst = append(dst, "</requestId>"...)
	dst = appendXMLStructure(dst, op.plan.out, v)
	dst = append(append(dst, "</"...), op.Name...)
	return append(dst, "Response>"...)
}

// ec2Namespace ends in a slash on the wire, unlike in the model.
func ec2Namespace(s *Service) string { return s.table.XMLNamespace + "/" }

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// encodeREST writes headers and a body that is one member, or all that are bound
// to nothing else.
func (s *Service) encodeREST(p Protocol, op *Operation, v reflect.Value, r *Response) error {
	n, m := op.plan.out, op.plan.outPayload
	writeHTTP(n, v, r)
	if op.Name == "GetObject" || op.Name == "HeadObject" {
		partial(r)
	}
	if r.Status == http.StatusNoContent {
		return nil
	}
	if m == nil {
		return s.encodeMembers(p, op, v, r)
	}
	value, ok := m.present(v)
	if !ok {
		return nil
	}
	switch m.node.kind {
	case model.Blob:
		return r.blob(value)
	case model.String:
		r.payload("text/plain", []byte(value.String()))
	default:
		if p == RestXML {
			r.payload(p.contentType(), appendXMLRoot(r.buffer(), m, value, s.table.XMLNamespace))
		} else {
			r.payload(p.contentType(), appendStructure(r.buffer(), m.node, value))
		}
	}
	return nil
}

// partial sets the status of an answer that is a range (RFC 9110, 15.3.7).
func partial(r *Response) {
	if r.Header["Content-Range"] != nil && r.Status == http.StatusOK {
		r.Status = http.StatusPartialContent
	}
}

func (s *Service) encodeMembers(p Protocol, op *Operation, v reflect.Value, r *Response) error {
	n := op.plan.out
	dst := r.buffer()
	switch {
	case p == RestJSON:
		dst = appendStructure(dst, n, v)
	case len(n.byXML) == 0:
		if r.Header["Content-Length"] == nil { // HeadObject tells of a body that it does not send
			r.Header["Content-Length"] = []string{"0"}
		}
		return nil
	case op.Name == "GetBucketLocation":
		dst = s.appendLocation(dst, n, v)
	default:
		root := n.shape.WireName
		if root == "" {
			root = rootS3(op.Name, n.shape.Name)
		}
		dst = append(append(append(dst, xmlHead...), '<'), root...)
		dst = append(appendXMLNS(dst, s.table.XMLNamespace, ""), '>')
		dst = appendEnd(appendXMLStructure(dst, n, v), root)
	}
	r.body(p.contentType(), dst)
	return nil
}

// appendLocation writes S3's one answer whose root is a scalar (S3 API Reference,
// GetBucketLocation).
func (s *Service) appendLocation(dst []byte, n *node, v reflect.Value) []byte {
	const root = "LocationConstraint"
	dst = append(append(append(dst, xmlHead...), '<'), root...)
	dst = append(appendXMLNS(dst, s.table.XMLNamespace, ""), '>')
	if value, ok := n.byXML[root].present(v); ok {
		dst = appendXMLText(dst, value.String())
	}
	return appendEnd(dst, root)
}

// payload sets a body, under the type that a header member gave.
func (r *Response) payload(contentType string, b []byte) {
	if given := r.Header["Content-Type"]; len(given) > 0 {
		contentType = given[0]
	}
	r.body(contentType, b)
}

func (r *Response) blob(v reflect.Value) error {
	if v.Type() == bytesType {
		r.payload("application/octet-stream", v.Bytes())
		return nil
	}
	stream, ok := reflect.TypeAssert[io.ReadCloser](v)
	if !ok {
		return fmt.Errorf("encode a stream: %s is no io.ReadCloser", v.Type())
	}
	r.Stream = stream
	if r.Header["Content-Type"] == nil {
		r.Header["Content-Type"] = []string{"binary/octet-stream"} // S3's own default
	}
	return nil
}

func appendXMLRoot(dst []byte, m *member, v reflect.Value, namespace string) []byte {
	name := m.WireName
	if name == "" {
		name = m.node.shape.WireName
	}
	if name == "" {
		name = m.node.shape.Name
	}
	dst = append(append(append(dst, xmlHead...), '<'), name...)
	if m.Namespace != "" {
		namespace = m.Namespace
	}
	dst = append(appendXMLNS(dst, namespace, ""), '>')
	return appendEnd(appendXMLValue(dst, m, v), name)
}
