package wire

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// violated says what is wrong with an input, in the words of the protocol's
// family: EC2 and S3 have their own.
func (s *Service) violated(p Protocol, found []violation) error {
	switch p {
	case EC2:
		return violatedEC2(found[0])
	case RestXML:
		return violatedS3(found[0])
	default:
		return s.violatedCoral(p, found)
	}
}

// violatedCoral says it as Coral does, the framework that AWS's services are
// built on.
func (s *Service) violatedCoral(p Protocol, found []violation) error {
	if s.table.Name == "iam" && len(found) == 1 {
		if words := wordsIAM(&found[0]); words != "" {
			return InvalidValue.In(p, words)
		}
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(len(found)))
	b.WriteString(" validation error")
	if len(found) > 1 {
		b.WriteString("s")
	}
	b.WriteString(" detected: ")
	for i := range found {
		if i > 0 {
			b.WriteString("; ")
		}
		found[i].write(&b)
	}
	return InvalidValue.In(p, b.String())
}

// write says what is wrong with one member.
func (v *violation) write(b *strings.Builder) {
	switch {
	case v.null:
		b.WriteString("Value null at '")
	case v.hidden:
		b.WriteString("Value at '")
	default:
		b.WriteString("Value '")
		b.WriteString(v.value)
		b.WriteString("' at '")
	}
	b.WriteString(v.path)
	b.WriteString("' failed to satisfy constraint: ")
	b.WriteString(v.words)
}

// wordsIAM are IAM's own words for two of its patterns.
func wordsIAM(v *violation) string {
	switch strings.TrimPrefix(v.words, patternWords) {
	case `[\w+=,.@-]+`:
		return "The specified value for " + v.path + " is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
	case `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`:
		return "The specified value for " + v.path + " is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	default:
		return ""
	}
}

func violatedEC2(v violation) error {
	name := v.at.ec2
	if v.null {
		return MissingValue.In(EC2, "The request must contain the parameter "+name)
	}
	if v.hidden {
		return InvalidValue.In(EC2, "The value for parameter "+name+" is invalid. "+v.words)
	}
	return InvalidValue.In(EC2, "Value ("+v.value+") for parameter "+name+" is invalid. "+v.words)
}

// violatedS3 tells a bad document from a bad header or parameter.
func violatedS3(v violation) error {
	if v.last.node.shape.Name == "BucketLocationConstraint" {
		return clientError("InvalidLocationConstraint", "The specified location-constraint is not valid")
	}
	if v.at.Location == model.Body {
		if v.null && v.at == v.last {
			return clientError("MissingRequestBodyError", "Request Body is empty")
		}
		return MalformedBody.In(RestXML, malformedMessage(RestXML, ""))
	}
	name := wireName(v.at.Member)
	switch {
	case v.null:
		return MissingValue.In(RestXML, "Missing required header or parameter for this request: "+name)
	case v.last.node.shape.Name == "StorageClass":
		return clientError("InvalidStorageClass", "The storage class you specified is not valid")
	}
	e := InvalidValue.In(RestXML, "Invalid value for "+name+": "+v.words)
	if !v.hidden {
		e.Details = []Detail{{"ArgumentName", name}, {"ArgumentValue", v.value}}
	}
	return e
}

func clientError(code, message string) *Error {
	return &Error{Code: code, Message: message, Status: http.StatusBadRequest, Fault: smithy.FaultClient}
}

// valueText writes a value as Java would. What is sensitive stays out.
func valueText(m *member, v reflect.Value) string {
	if m.node.sensitive {
		return ""
	}
	var b strings.Builder
	writeValue(&b, m, v)
	return b.String()
}

func writeValue(b *strings.Builder, m *member, v reflect.Value) {
	n := m.node
	switch {
	case n.sensitive:
		b.WriteString("***")
	case n.kind == model.Blob:
		size := strconv.Itoa(v.Len())
		b.WriteString("java.nio.HeapByteBuffer[pos=0 lim=" + size + " cap=" + size + "]")
	case n.kind == model.List:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			if value, ok := n.item.element(v.Index(i)); ok {
				writeValue(b, n.item, value)
			}
		}
		b.WriteByte(']')
	case n.kind == model.Map:
		b.WriteByte('{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(key.String() + "=")
			if value, ok := n.item.element(v.MapIndex(key)); ok {
				writeValue(b, n.item, value)
			}
		}
		b.WriteByte('}')
	case n.kind == model.Structure:
		writeStructure(b, n, v)
	case n.kind == model.Union:
		b.WriteString(n.shape.Name)
	default:
		b.Write(appendText(nil, m, v, isoTime))
	}
}

func writeStructure(b *strings.Builder, n *node, v reflect.Value) {
	b.WriteString(n.shape.Name + "(")
	first := true
	for i := range n.members {
		m := &n.members[i]
		value, ok := m.present(v)
		if !ok {
			continue
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		b.WriteString(m.audit + "=")
		writeValue(b, m, value)
	}
	b.WriteByte(')')
}
