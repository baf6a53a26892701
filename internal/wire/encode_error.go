package wire

import (
	"maps"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/jsonenc"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

func (s *Service) encodeError(p Protocol, e *Error, requestID string) *Response {
	r := &Response{Status: e.Status, Header: make(http.Header, 4)}
	maps.Copy(r.Header, e.Header)
	identify(r.Header, p, requestID)
	if e.Status == http.StatusNotModified {
		return r // it has no body
	}
	extra, v := s.members(e)
	switch p {
	case Query:
		r.body(p.contentType(), s.appendQueryError(e, requestID, extra, v))
	case EC2:
		r.body(p.contentType(), appendEC2Error(e, requestID))
	case RestXML:
		r.body(p.contentType(), appendS3Error(e, requestID, extra, v))
	case CBOR:
		r.Header["Smithy-Protocol"] = []string{"rpc-v2-cbor"}
		s.queryError(r.Header, e)
		r.body(p.contentType(), appendCBORError(s.qualified(p, e), e.Message, extra, v))
	case RestJSON:
		r.Header["X-Amzn-Errortype"] = []string{e.name()}
		r.body(p.contentType(), appendJSONError("", e.Message, extra, v))
	default:
		s.queryError(r.Header, e)
		r.body(p.contentType(), appendJSONError(s.qualified(p, e), e.Message, extra, v))
	}
	return r
}

// name is the error's name where shapes name errors, rather than codes.
func (e *Error) name() string {
	if e.shape != "" {
		return e.shape
	}
	return e.Code
}

// qualified is the error's __type. JSON 1.0 and CBOR name the shape in full, as
// DynamoDB does (DynamoDB Developer Guide, "Error handling").
func (s *Service) qualified(p Protocol, e *Error) string {
	if p != JSON10 && p != CBOR {
		return e.name()
	}
	if s == nil || e.shape == "" {
		if e.Code == "ValidationException" {
			return "com.amazon.coral.validate#" + e.Code
		}
		return "com.amazon.coral.service#" + e.Code
	}
	return "com.amazonaws." + s.table.Name + ".v" + dateOf(s.table.APIVersion) + "#" + e.name()
}

func dateOf(version string) string { return strings.ReplaceAll(version, "-", "") }

// queryError tells clients of a service that spoke awsQuery the code of then
// (Smithy 2.0, "awsQueryCompatible trait").
func (s *Service) queryError(h http.Header, e *Error) {
	if s == nil || !s.table.QueryCompatible {
		return
	}
	code := e.Code
	if x := s.exception(e.name()); x != nil && x.Code != "" {
		code = x.Code
	} else if x == nil {
		code = inQuery(code)
	}
	h["X-Amzn-Query-Error"] = []string{code + ";" + senderOf(e)}
}

func senderOf(e *Error) string {
	if e.Fault == smithy.FaultServer {
		return "Receiver"
	}
	return "Sender"
}

// members finds the modeled exception behind an error, for its own members.
func (s *Service) members(e *Error) (*node, reflect.Value) {
	if s == nil || e.shape == "" || e.Cause == nil {
		return nil, reflect.Value{}
	}
	v := reflect.ValueOf(e.Cause)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, reflect.Value{}
	}
	s.binder.mu.Lock()
	defer s.binder.mu.Unlock()
	n, err := s.binder.node(e.shape, v.Elem().Type())
	if err != nil {
		return nil, reflect.Value{} // a type of the SDK's own, such as a GenericAPIError
	}
	return n, v.Elem()
}

func isMessage(m *member) bool { return m.Name == "message" || m.Name == "Message" }

func appendJSONError(kind, message string, n *node, v reflect.Value) []byte {
	dst := []byte{'{'}
	first := kind == ""
	if !first {
		dst = jsonenc.AppendString(appendName(dst, "__type", true), kind)
	}
	name := "message"
	if n != nil {
		for i := range n.members {
			m := &n.members[i]
			if isMessage(m) {
				name = m.json
				continue
			}
			if value, ok := m.present(v); ok && m.Location == model.Body {
				dst = appendValue(appendName(dst, m.json, first), m, value)
				first = false
			}
		}
	}
	dst = appendName(dst, name, first)
	return append(jsonenc.AppendString(dst, message), '}')
}

func (s *Service) appendQueryError(e *Error, requestID string, n *node, v reflect.Value) []byte {
	namespace := ""
	if s != nil {
		namespace = s.table.XMLNamespace
	}
	dst := append(appendXMLNS([]byte("<ErrorResponse"), namespace, ""), "><Error><Type>"...)
	dst = append(dst, senderOf(e)...)
	dst = append(appendXMLText(append(dst, "</Type><Code>"...), e.Code), "</Code><Message>"...)
	dst = append(appendXMLText(dst, e.Message), "</Message>"...)
	dst = appendExtra(dst, n, v)
	dst = append(dst, "</Error><RequestId>"...)
	return append(appendXMLText(dst, requestID), "</RequestId></ErrorResponse>"...)
}

func appendExtra(dst []byte, n *node, v reflect.Value) []byte {
	if n == nil {
		return dst
	}
	for i := range n.members {
		m := &n.members[i]
		if isMessage(m) || m.Location != model.Body {
			continue
		}
		if value, ok := m.present(v); ok {
			dst = appendXMLMember(dst, m, value)
		}
	}
	return dst
}

func appendEC2Error(e *Error, requestID string) []byte {
	dst := []byte(xmlHead + "<Response><Errors><Error><Code>")
	dst = append(appendXMLText(dst, e.Code), "</Code><Message>"...)
	dst = append(appendXMLText(dst, e.Message), "</Message></Error></Errors><RequestID>"...)
	return append(appendXMLText(dst, requestID), "</RequestID></Response>"...)
}

// appendS3Error writes S3's form, in which the error is the root.
func appendS3Error(e *Error, requestID string, n *node, v reflect.Value) []byte {
	dst := []byte(xmlHead + "<Error><Code>")
	dst = append(appendXMLText(dst, e.Code), "</Code><Message>"...)
	dst = append(appendXMLText(dst, e.Message), "</Message>"...)
	dst = appendExtra(dst, n, v)
	for i := range e.Details {
		dst = append(append(append(dst, '<'), e.Details[i].Name...), '>')
		dst = appendEnd(appendXMLText(dst, e.Details[i].Value), e.Details[i].Name)
	}
	dst = append(appendXMLText(append(dst, "<RequestId>"...), requestID), "</RequestId><HostId>"...)
	return append(appendXMLText(dst, requestID), "</HostId></Error>"...)
}

// exception finds a modeled exception by its name or by its code.
func (s *Service) exception(name string) *model.Shape {
	if s == nil {
		return nil
	}
	if x, ok := s.table.Shape(name); ok && x.Exception {
		return x
	}
	return s.byCode()[name]
}

// queryCode is what the query protocols call an exception.
func queryCode(p Protocol, x *model.Shape) string {
	if x.Code != "" && p != JSON10 && p != JSON11 && p != RestJSON && p != CBOR {
		return x.Code
	}
	return x.Name
}
