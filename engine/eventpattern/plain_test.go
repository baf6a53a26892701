package eventpattern_test

import (
	"encoding/json"
	"strconv"
	"strings"
)

// plainMatch is the pattern language said again, the slow way: by decoded values.
func plainMatch(pattern, event string) bool {
	var p, e map[string]any
	for text, into := range map[string]*map[string]any{pattern: &p, event: &e} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(into) != nil {
			return false
		}
	}
	return plainObject(p, e)
}

// plainObject judges v, nil being nothing there and json's null being jsonNull.
func plainObject(p map[string]any, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return plainFields(p, v)
	case []any:
		if len(v) == 0 {
			return plainFields(p, nil)
		}
		all, some := true, false
		for _, e := range v {
			if plainObject(p, e) {
				some = true
			} else {
				all = false
			}
		}
		if onlyAbsent(p) {
			return all
		}
		return some
	}
	return plainFields(p, nil)
}

func plainFields(p, v map[string]any) bool {
	for k, want := range p {
		got, there := v[k]
		ok := false
		switch want := want.(type) {
		case map[string]any:
			if !there {
				got = map[string]any{}
			}
			ok = plainObject(want, got)
		case []any:
			if k == "$or" {
				for _, a := range want {
					ok = ok || plainFields(a.(map[string]any), v)
				}
				break
			}
			var found []any
			if there {
				found = flat(got)
			}
			ok = plainLeaf(want, found)
		}
		if !ok {
			return false
		}
	}
	return true
}

// flat are the scalars of a value, those of objects left out.
func flat(v any) []any {
	switch v := v.(type) {
	case []any:
		var out []any
		for _, e := range v {
			out = append(out, flat(e)...)
		}
		return out
	case map[string]any:
		return nil
	}
	return []any{v}
}

func plainLeaf(want, found []any) bool {
	for _, w := range want {
		if op, ok := w.(map[string]any); ok && op["exists"] == false {
			if len(found) == 0 {
				return true
			}
			continue
		}
		for _, f := range found {
			if plainTest(w, f) {
				return true
			}
		}
	}
	return false
}

func plainTest(want, got any) bool {
	op, ok := want.(map[string]any)
	if !ok {
		return want == got
	}
	text, isText := got.(string)
	number := func(v any) (float64, bool) {
		n, ok := v.(json.Number)
		if !ok {
			return 0, false
		}
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	}
	for name, v := range op {
		switch name {
		case "exists":
			return v == true
		case "prefix":
			return isText && strings.HasPrefix(text, v.(string))
		case "suffix":
			return isText && strings.HasSuffix(text, v.(string))
		case "wildcard":
			return isText && strings.HasPrefix(text, strings.TrimSuffix(v.(string), "*"))
		case "equals-ignore-case":
			return isText && strings.EqualFold(text, v.(string))
		case "anything-but":
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, refused := range list {
				a, isA := number(refused)
				b, isB := number(got)
				if refused == got || isA && isB && a == b {
					return false
				}
			}
			return true
		case "numeric":
			n, ok := number(got)
			if v.([]any)[0] == "=" {
				return ok && n == 1
			}
			return ok && n > 0 && n < 2
		}
	}
	return false
}

func onlyAbsent(p map[string]any) bool {
	for k, v := range p {
		switch v := v.(type) {
		case map[string]any:
			if !onlyAbsent(v) {
				return false
			}
		case []any:
			for _, e := range v {
				op, ok := e.(map[string]any)
				if k == "$or" {
					ok = ok && onlyAbsent(op)
				} else {
					ok = ok && op["exists"] == false
				}
				if !ok {
					return false
				}
			}
		}
	}
	return true
}
