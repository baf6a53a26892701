package wire

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// readHTTP reads the members that lie in the path, the query and the headers.
func readHTTP(plan *operationPlan, r *Request, in reflect.Value) error {
	n := plan.in
	query, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		return malformed("Invalid query string")
	}
	for i := range n.members {
		m := &n.members[i]
		if m.Location == model.Body || m.field < 0 {
			continue
		}
		v := in.Field(m.field)
		switch m.Location {
		case model.URI:
			if text, ok := r.Labels[wireName(m.Member)]; ok {
				err = setText(m, m.slot(v), text, isoTime)
			}
		case model.QueryString:
			err = readQuery(m, v, query, n)
		case model.Header:
			err = readHeader(m, v, r.Header)
		case model.Headers:
			readHeaders(m, v, r.Header)
		default: // a status code is not in a request
		}
		if err != nil {
			return malformed("Invalid value for " + wireName(m.Member))
		}
	}
	return nil
}

func readQuery(m *member, v reflect.Value, query url.Values, n *node) error {
	switch m.node.kind {
	case model.List:
		values, ok := query[wireName(m.Member)]
		if !ok {
			return nil
		}
		emptyList(v)
		for _, text := range values {
			if err := setText(m.node.item, m.node.item.grow(v), text, isoTime); err != nil {
				return err
			}
		}
		return nil
	case model.Map:
		return readQueryMap(m, v, query, n)
	default:
		if values, ok := query[wireName(m.Member)]; ok {
			return setText(m, m.slot(v), values[0], isoTime)
		}
		return nil
	}
}

// readQueryMap takes all parameters that no other member is bound to.
func readQueryMap(m *member, v reflect.Value, query url.Values, n *node) error {
	bound := map[string]bool{}
	for i := range n.members {
		if n.members[i].Location == model.QueryString {
			bound[wireName(n.members[i].Member)] = true
		}
	}
	out := reflect.MakeMap(v.Type())
	for name, values := range query {
		if bound[name] && name != wireName(m.Member) {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if m.node.item.node.kind == model.List {
			list := m.node.item.node
			for _, text := range values {
				if err := setText(list.item, list.item.grow(item), text, isoTime); err != nil {
					return err
				}
			}
		} else if err := setText(m.node.item, m.node.item.slot(item), values[0], isoTime); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(name), item)
	}
	if out.Len() > 0 {
		v.Set(out)
	}
	return nil
}

func readHeader(m *member, v reflect.Value, h http.Header) error {
	values := h.Values(wireName(m.Member))
	if len(values) == 0 {
		return nil
	}
	text := strings.Join(values, ",")
	if m.node.kind == model.List {
		return readHeaderList(m.node.item, v, text)
	}
	if m.JSONValue {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return errBase64
		}
		text = string(b)
	}
	return setText(m, m.slot(v), text, httpTime)
}

// readHeaderList splits a header at its commas, but for those in quotes and
// those within HTTP dates.
func readHeaderList(item *member, v reflect.Value, text string) error {
	emptyList(v)
	for text != "" {
		var part string
		part, text = cutHeader(text, item.node.kind == model.Timestamp && item.time.or(httpTime) == httpTime)
		if err := setText(item, item.grow(v), part, httpTime); err != nil {
			return err
		}
	}
	return nil
}

func cutHeader(text string, dates bool) (part, rest string) {
	text = strings.TrimLeft(text, " \t")
	if strings.HasPrefix(text, `"`) {
		if end := strings.IndexByte(text[1:], '"'); end >= 0 {
			_, rest, _ = strings.Cut(text[end+2:], ",")
			return text[1 : end+1], rest
		}
	}
	part, rest, found := strings.Cut(text, ",")
	if dates && found {
		var more string
		more, rest, _ = strings.Cut(rest, ",")
		part += "," + more
	}
	return strings.TrimRight(part, " \t"), rest
}

// readHeaders takes all headers with a prefix, such as x-amz-meta-, into a map
// whose keys are in lower case, as S3 keeps them.
func readHeaders(m *member, v reflect.Value, h http.Header) {
	prefix := strings.ToLower(m.WireName)
	out := reflect.MakeMap(v.Type())
	for name, values := range h {
		name = strings.ToLower(name)
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			out.SetMapIndex(reflect.ValueOf(rest), reflect.ValueOf(strings.Join(values, ",")))
		}
	}
	if out.Len() > 0 {
		v.Set(out)
	}
}
