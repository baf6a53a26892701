package wire

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// writeHTTP writes the members that lie in the status line and the headers.
func writeHTTP(n *node, v reflect.Value, r *Response) {
	for i := range n.members {
		m := &n.members[i]
		if m.Location == model.Body {
			continue
		}
		value, ok := m.present(v)
		if !ok {
			continue
		}
		switch m.Location {
		case model.StatusCode:
			if code := int(value.Int()); code >= http.StatusOK && code < 600 {
				r.Status = code
			}
		case model.Header:
			r.Header.Set(wireName(m.Member), headerText(m, value))
		case model.Headers:
			for _, key := range value.MapKeys() {
				// In lower case, as S3 has them: botocore keeps the case that it sees.
				name := strings.ToLower(m.WireName + key.String())
				r.Header[name] = []string{cleanHeader(value.MapIndex(key).String())}
			}
		default: // a path and a query are not in an answer
		}
	}
}

func headerText(m *member, v reflect.Value) string {
	if m.node.kind == model.List {
		parts := make([]string, 0, v.Len())
		for i := range v.Len() {
			if value, ok := m.node.item.element(v.Index(i)); ok {
				parts = append(parts, quoteHeader(m.node.item, string(appendText(nil, m.node.item, value, httpTime))))
			}
		}
		return cleanHeader(strings.Join(parts, ", "))
	}
	text := string(appendText(nil, m, v, httpTime))
	if m.JSONValue {
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	return cleanHeader(text)
}

func quoteHeader(m *member, s string) string {
	if m.node.kind == model.String && strings.ContainsAny(s, `,"`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return s
}

// cleanHeader takes line breaks out: a value must not begin another header.
func cleanHeader(s string) string {
	if !strings.ContainsAny(s, "\r\n\x00") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}
