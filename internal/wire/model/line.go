package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A table is text, so that a new version of AWS's model is a diff that can be
// read. A line's fields are separated by tabs, and a field is a name, a colon
// and a value, or a name alone:
//
//	EncryptRequest	structure	.KeyId:KeyIdType;!	.Plaintext:PlaintextType;!
//	KeyIdType	string	min:1	max:2048
//
// A field that begins with a dot is a member: its name, its shape and its
// traits, where "!" is required.

// An attribute ties a field's name to where its value goes.
type attribute struct {
	name string
	text *string
	flag *bool
	num  *int
}

func (m *Metadata) attributes() []attribute {
	return []attribute{
		{name: "service", text: &m.Name},
		{name: "version", text: &m.APIVersion},
		{name: "id", text: &m.ServiceID},
		{name: "endpoint", text: &m.EndpointPrefix},
		{name: "signing", text: &m.SigningName},
		{name: "json", text: &m.JSONVersion},
		{name: "target", text: &m.TargetPrefix},
		{name: "xmlns", text: &m.XMLNamespace},
		{name: "querycompatible", flag: &m.QueryCompatible},
	}
}

func (o *Operation) attributes() []attribute {
	return []attribute{
		{name: "method", text: &o.Method},
		{name: "uri", text: &o.URI},
		{name: "status", num: &o.Status},
		{name: "wrapper", text: &o.ResultWrapper},
		{name: "host", text: &o.HostPrefix},
		{name: "unauthenticated", flag: &o.Unauthenticated},
		{name: "unsigned", flag: &o.UnsignedPayload},
		{name: "compressible", flag: &o.Compressible},
	}
}

func (s *Shape) attributes() []attribute {
	return []attribute{
		{name: "payload", text: &s.Payload},
		{name: "name", text: &s.WireName},
		{name: "xmlns", text: &s.Namespace},
		{name: "prefix", text: &s.Prefix},
		{name: "time", text: &s.TimestampFormat},
		{name: "min", text: &s.Min},
		{name: "max", text: &s.Max},
		{name: "pattern", text: &s.Pattern},
		{name: "exception", flag: &s.Exception},
		{name: "sender", flag: &s.Sender},
		{name: "fault", flag: &s.Fault},
		{name: "code", text: &s.Code},
		{name: "status", num: &s.Status},
		{name: "sensitive", flag: &s.Sensitive},
		{name: "stream", flag: &s.Streaming},
		{name: "events", flag: &s.EventStream},
		{name: "flat", flag: &s.Flattened},
	}
}

func (m *Member) attributes() []attribute {
	return []attribute{
		{name: "!", flag: &m.Required},
		{name: "n", text: &m.WireName},
		{name: "q", text: &m.QueryName},
		{name: "xmlns", text: &m.Namespace},
		{name: "prefix", text: &m.Prefix},
		{name: "time", text: &m.TimestampFormat},
		{name: "flat", flag: &m.Flattened},
		{name: "attr", flag: &m.Attribute},
		{name: "stream", flag: &m.Streaming},
		{name: "host", flag: &m.HostLabel},
		{name: "json", flag: &m.JSONValue},
		{name: "token", flag: &m.IdempotencyKey},
	}
}

// AppendTable appends the table's head; operations and shapes follow it, each
// after an empty line and sorted by name.
func (m *Metadata) AppendTable(dst []byte) []byte {
	dst = appendAttributes(dst, "\n", m.attributes())
	for _, p := range m.Protocols {
		dst = append(dst, "\nprotocol:"+p...)
	}
	return dst[1:]
}

func (m *Metadata) parse(text string) error {
	attrs := m.attributes()
	for line := range strings.Lines(text) {
		field := strings.TrimSuffix(line, "\n")
		if p, ok := strings.CutPrefix(field, "protocol:"); ok {
			m.Protocols = append(m.Protocols, p)
			continue
		}
		if err := setAttribute(attrs, field); err != nil {
			return err
		}
	}
	return nil
}

// AppendLine appends the operation's line, without its end.
func (o *Operation) AppendLine(dst []byte) []byte {
	dst = append(dst, o.Name...)
	dst = appendAttributes(dst, "\t", o.attributes())
	for _, m := range []*Member{&o.Input, &o.Output} {
		if m.Shape != "" {
			dst = m.appendField(dst)
		}
	}
	for _, e := range o.Errors {
		dst = append(dst, "\terror:"+e...)
	}
	return dst
}

func parseOperation(line string) (*Operation, error) {
	name, rest, _ := strings.Cut(line, "\t")
	o := &Operation{Name: name}
	attrs := o.attributes()
	for field := range strings.SplitSeq(rest, "\t") {
		var err error
		switch {
		case strings.HasPrefix(field, "error:"):
			o.Errors = append(o.Errors, field[len("error:"):])
		case strings.HasPrefix(field, ".input:"):
			o.Input, err = parseMember(field[1:])
		case strings.HasPrefix(field, ".output:"):
			o.Output, err = parseMember(field[1:])
		default:
			err = setAttribute(attrs, field)
		}
		if err != nil {
			return nil, fmt.Errorf("operation %s: %w", name, err)
		}
	}
	return o, nil
}

// AppendLine appends the shape's line, without its end.
func (s *Shape) AppendLine(dst []byte) []byte {
	dst = append(dst, s.Name...)
	dst = append(dst, '\t')
	dst = append(dst, s.Kind.String()...)
	dst = appendAttributes(dst, "\t", s.attributes())
	for _, e := range s.Enum {
		dst = append(dst, "\tenum:"+e...)
	}
	for i := range s.Members {
		dst = s.Members[i].appendField(dst)
	}
	return dst
}

func parseShape(line string) (*Shape, error) {
	fields := strings.Split(line, "\t")
	kind := slices.Index(kindNames[:], fields[1])
	if kind < 0 {
		return nil, fmt.Errorf("shape %s: kind %q", fields[0], fields[1])
	}
	s := &Shape{Name: fields[0], Kind: Kind(kind)} //nolint:gosec // an index of kindNames
	attrs := s.attributes()
	for _, field := range fields[2:] {
		if err := s.parseField(attrs, field); err != nil {
			return nil, fmt.Errorf("shape %s: %w", s.Name, err)
		}
	}
	return s, nil
}

func (s *Shape) parseField(attrs []attribute, field string) error {
	if e, ok := strings.CutPrefix(field, "enum:"); ok {
		s.Enum = append(s.Enum, e)
		return nil
	}
	if strings.HasPrefix(field, ".") {
		m, err := parseMember(field[1:])
		s.Members = append(s.Members, m)
		return err
	}
	return setAttribute(attrs, field)
}

func (m *Member) appendField(dst []byte) []byte {
	dst = append(dst, "\t."+m.Name+":"+m.Shape...)
	if m.Location != Body {
		dst = append(dst, ";in:"+locationNames[m.Location]...)
	}
	return appendAttributes(dst, ";", m.attributes())
}

func parseMember(field string) (Member, error) {
	head, traits, more := strings.Cut(field, ";")
	name, shape, ok := strings.Cut(head, ":")
	if !ok {
		return Member{}, fmt.Errorf("member %q has no shape", head)
	}
	m := Member{Name: name, Shape: shape}
	if !more {
		return m, nil
	}
	attrs := m.attributes()
	for trait := range strings.SplitSeq(traits, ";") {
		if in, ok := strings.CutPrefix(trait, "in:"); ok {
			m.Location = Location(max(0, slices.Index(locationNames[:], in))) //nolint:gosec // an index of locationNames
			continue
		}
		if err := setAttribute(attrs, trait); err != nil {
			return m, err
		}
	}
	return m, nil
}

// appendAttributes appends what is set. Text that holds a separator is quoted.
func appendAttributes(dst []byte, sep string, attrs []attribute) []byte {
	for _, a := range attrs {
		switch {
		case a.flag != nil && *a.flag:
			dst = append(dst, sep+a.name...)
		case a.num != nil && *a.num != 0:
			dst = strconv.AppendInt(append(dst, sep+a.name+":"...), int64(*a.num), 10)
		case a.text != nil && *a.text != "":
			dst = append(dst, sep+a.name+":"...)
			if strings.ContainsAny(*a.text, "\t\n;\"") {
				dst = strconv.AppendQuote(dst, *a.text)
			} else {
				dst = append(dst, *a.text...)
			}
		}
	}
	return dst
}

func setAttribute(attrs []attribute, field string) error {
	name, value, _ := strings.Cut(field, ":")
	i := slices.IndexFunc(attrs, func(a attribute) bool { return a.name == name })
	if i < 0 {
		return fmt.Errorf("unknown attribute %q", name)
	}
	var err error
	switch a := attrs[i]; {
	case a.flag != nil:
		*a.flag = true
	case a.num != nil:
		*a.num, err = strconv.Atoi(value)
	case strings.HasPrefix(value, `"`):
		*a.text, err = strconv.Unquote(value)
	default:
		*a.text = value
	}
	return err
}
