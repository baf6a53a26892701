package wire

import (
	"reflect"

	"github.com/garrison-cloud/garrison/internal/jsonenc"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// AppendAuditInput appends an input (a pointer to the SDK's struct) as the
// requestParameters of a CloudTrail event. Sensitive members, blobs and streams
// stay out. It appends nothing if there is nothing to tell.
func (o *Operation) AppendAuditInput(dst []byte, in any) []byte {
	return appendAudit(dst, o.plan.in, in)
}

// AppendAuditOutput appends an output as the responseElements of a CloudTrail
// event, under the same rules.
func (o *Operation) AppendAuditOutput(dst []byte, out any) []byte {
	return appendAudit(dst, o.plan.out, out)
}

func appendAudit(dst []byte, n *node, x any) []byte {
	v := reflect.ValueOf(x)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != n.typ {
		return dst
	}
	start := len(dst)
	if dst = appendAuditStructure(dst, n, v.Elem()); len(dst) == start+len("{}") {
		return dst[:start]
	}
	return dst
}

func appendAuditStructure(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '{')
	first := true
	for i := range n.members {
		m := &n.members[i]
		value, ok := m.present(v)
		if !ok || m.secret() {
			continue
		}
		dst = appendName(dst, m.audit, first)
		first = false
		dst = appendAuditValue(dst, m, value)
	}
	return append(dst, '}')
}

// cloudTrailTime is how CloudTrail prints a timestamp within an event (AWS KMS
// Developer Guide, "Logging AWS KMS API calls", CreateKey).
const cloudTrailTime = `"Jan 2, 2006, 3:04:05 PM"`

func appendAuditValue(dst []byte, m *member, v reflect.Value) []byte {
	n := m.node
	switch n.kind {
	case model.Structure:
		return appendAuditStructure(dst, n, v)
	case model.Union:
		chosen, value, ok := n.chosen(v)
		if ok {
			value, ok = chosen.element(value)
		}
		if !ok || chosen.secret() {
			return append(dst, "{}"...)
		}
		return append(appendAuditValue(appendName(append(dst, '{'), chosen.audit, true), chosen, value), '}')
	case model.List:
		return appendAuditList(dst, n, v)
	case model.Map:
		return appendAuditMap(dst, n, v)
	case model.String:
		return jsonenc.AppendString(dst, v.String())
	case model.Timestamp:
		return timeOf(v).UTC().AppendFormat(dst, cloudTrailTime)
	default:
		return appendScalar(dst, n.kind, v)
	}
}

func appendAuditList(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '[')
	if n.item.secret() {
		return append(dst, ']')
	}
	first := true
	for i := range v.Len() {
		value, ok := n.item.element(v.Index(i))
		if !ok {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendAuditValue(dst, n.item, value)
	}
	return append(dst, ']')
}

func appendAuditMap(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '{')
	if n.item.secret() || n.key.secret() {
		return append(dst, '}')
	}
	first := true
	for _, key := range sortedKeys(v) {
		value, ok := n.item.element(v.MapIndex(key))
		if !ok {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(jsonenc.AppendString(dst, key.String()), ':')
		dst = appendAuditValue(dst, n.item, value)
	}
	return append(dst, '}')
}
