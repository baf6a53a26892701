package wire

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A router finds the operation of a REST request.
type router struct {
	byMethod map[string][]*route
}

// A route is an operation's HTTP binding.
type route struct {
	name     string
	segments []segment
	// query are the parameters that the URI itself names: "list-type=2", "policy".
	query []queryLiteral
	// needs are the required parameters and headers. They tell operations apart
	// whose URIs do not: S3's PutObject, UploadPart, CopyObject and UploadPartCopy.
	needs   []string
	headers []string
	served  bool
}

type segment struct {
	text          string
	label, greedy bool
}

type queryLiteral struct{ name, value string }

func newRouter(s *Service) *router {
	r := &router{byMethod: map[string][]*route{}}
	for o := range s.table.Operations() {
		if o.Name == "ListDirectoryBuckets" {
			continue // it shares ListBuckets' URI, at an endpoint of its own
		}
		rt := newRoute(s.table, o)
		_, rt.served = s.served[o.Name]
		r.byMethod[o.Method] = append(r.byMethod[o.Method], rt)
	}
	for _, routes := range r.byMethod {
		slices.SortStableFunc(routes, compareRoutes)
	}
	return r
}

func newRoute(t *model.Table, o *model.Operation) *route {
	path, query, _ := strings.Cut(o.URI, "?")
	rt := &route{name: o.Name}
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		seg := segment{text: part}
		if name, ok := strings.CutPrefix(part, "{"); ok {
			seg.text, seg.greedy = strings.CutSuffix(strings.TrimSuffix(name, "}"), "+")
			seg.label = true
		}
		rt.segments = append(rt.segments, seg)
	}
	for part := range strings.SplitSeq(query, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			rt.query = append(rt.query, queryLiteral{name, value})
		}
	}
	in, ok := t.Shape(o.Input.Shape)
	if !ok {
		return rt
	}
	for i := range in.Members {
		m := &in.Members[i]
		switch {
		case !m.Required:
		case m.Location == model.QueryString:
			rt.needs = append(rt.needs, wireName(m))
		case m.Location == model.Header:
			rt.headers = append(rt.headers, wireName(m))
		}
	}
	return rt
}

// compareRoutes puts the more particular first, and of two alike the served.
func compareRoutes(a, b *route) int {
	return cmp.Or(
		cmp.Compare(b.literals(), a.literals()),
		cmp.Compare(len(b.query), len(a.query)),
		cmp.Compare(len(b.needs)+len(b.headers), len(a.needs)+len(a.headers)),
		cmp.Compare(boolInt(b.served), boolInt(a.served)),
		// AWS's newer operations have the longer names: GetBucketLifecycle and
		// GetBucketLifecycleConfiguration share a URI.
		cmp.Compare(len(b.name), len(a.name)),
	)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (rt *route) literals() int {
	n := 0
	for _, s := range rt.segments {
		if !s.label {
			n++
		}
	}
	return n
}

// Match finds the operation that a REST request asks for, and the labels in its
// path. The operation may be one that is not served. path is as escaped on the
// wire.
func (s *Service) Match(method, path, rawQuery string, h http.Header) (op string, labels map[string]string, ok bool) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", nil, false
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var fallback *route
	for _, rt := range s.router().byMethod[method] {
		if !rt.fits(segments, query) {
			continue
		}
		if rt.complete(query, h) {
			labels, ok = rt.labels(segments)
			return rt.name, labels, ok
		}
		if fallback == nil {
			fallback = rt
		}
	}
	if fallback == nil {
		return "", nil, false
	}
	labels, ok = fallback.labels(segments)
	return fallback.name, labels, ok
}

func (rt *route) fits(segments []string, query url.Values) bool {
	if !rt.fitsPath(segments) {
		return false
	}
	for _, q := range rt.query {
		values, ok := query[q.name]
		if !ok || q.value != "" && values[0] != q.value {
			return false
		}
	}
	return true
}

func (rt *route) fitsPath(segments []string) bool {
	for i, s := range rt.segments {
		switch {
		case i >= len(segments):
			return false
		case s.greedy:
			return segments[i] != "" || i+1 < len(segments)
		case s.label && segments[i] == "", !s.label && segments[i] != s.text:
			return false
		}
	}
	// A slash at the end says nothing: "/bucket/" is the bucket.
	rest := segments[len(rt.segments):]
	return len(rest) == 0 || len(rest) == 1 && rest[0] == ""
}

func (rt *route) complete(query url.Values, h http.Header) bool {
	for _, name := range rt.needs {
		if !query.Has(name) {
			return false
		}
	}
	for _, name := range rt.headers {
		if h.Get(name) == "" {
			return false
		}
	}
	return true
}

func (rt *route) labels(segments []string) (map[string]string, bool) {
	labels := map[string]string{}
	for i, s := range rt.segments {
		if !s.label {
			continue
		}
		text := segments[i]
		if s.greedy {
			text = strings.Join(segments[i:], "/")
		}
		value, err := url.PathUnescape(text)
		if err != nil {
			return nil, false
		}
		labels[s.text] = value
	}
	return labels, true
}
