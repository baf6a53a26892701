package waf

import (
	"strings"

	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// Limits of AWS WAF for what is inspected of headers and cookies.
const (
	maxHeaderBytes = 8 << 10
	maxHeaderCount = 200
)

// field is a component of the plan.
type field struct {
	spec    FieldToMatch
	extract func(c *run, f *field, st *fieldState)
	// picked are the included or excluded names, lower case.
	picked map[string]bool
	// location is the component's name in logs.
	location string
}

// field returns a component, reading it the first time it is asked for.
func (c *run) field(i int) *fieldState {
	st := &c.fields[i]
	if !st.done {
		st.done = true
		f := &c.p.fields[i]
		f.extract(c, f, st)
		if st.outcome == present && len(st.parts) == 0 {
			st.outcome = absent
		}
	}
	return st
}

func sameName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func extractMethod(c *run, _ *field, st *fieldState)   { st.parts = append(st.parts, c.r.Method) }
func extractURIPath(c *run, _ *field, st *fieldState)  { st.parts = append(st.parts, c.r.Path) }
func extractQuery(c *run, _ *field, st *fieldState)    { st.parts = append(st.parts, c.r.RawQuery) }
func extractJA3(c *run, f *field, st *fieldState)      { st.orFallback(c.r.JA3, f.spec.Fallback) }
func extractJA4(c *run, f *field, st *fieldState)      { st.orFallback(c.r.JA4, f.spec.Fallback) }
func extractFragment(c *run, f *field, st *fieldState) { st.orFallback(c.r.Fragment, f.spec.Fallback) }

func (st *fieldState) orFallback(value string, fallback Fallback) {
	switch {
	case value != "":
		st.parts = append(st.parts, value)
	case fallback == FallbackMatch:
		st.outcome = taken
	default:
		st.outcome = absent
	}
}

func extractSingleHeader(c *run, f *field, st *fieldState) {
	for i := range c.r.Headers {
		if h := &c.r.Headers[i]; sameName(h.Name, f.spec.Name) {
			st.parts = append(st.parts, h.Value)
		}
	}
}

func extractSingleArgument(c *run, f *field, st *fieldState) {
	for _, a := range c.arguments() {
		if c.named(a.name, f.spec.Name) {
			st.parts = append(st.parts, a.value)
		}
	}
}

func extractAllArguments(c *run, _ *field, st *fieldState) {
	for _, a := range c.arguments() {
		st.parts = append(st.parts, a.value)
	}
}

// arguments splits the query at its ampersands and first equal signs, nothing
// decoded.
func (c *run) arguments() []pair {
	if c.parsedArgs {
		return c.args
	}
	c.parsedArgs = true
	rest := c.r.RawQuery
	c.spend(len(rest))
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, "&")
		if one != "" {
			name, value, _ := strings.Cut(one, "=")
			c.args = append(c.args, pair{name, value})
		}
	}
	return c.args
}

// named compares an argument's name as it stands and decoded, since the origin
// will decode it.
func (c *run) named(raw, want string) bool {
	if sameName(raw, want) {
		return true
	}
	if !strings.ContainsAny(raw, "%+") {
		return false
	}
	var ok bool
	c.value, ok = transform.URLDecode.Append(c.value[:0], raw)
	return ok && sameName(view(c.value), want)
}

// oversizeOutcome applies a component's oversize handling, and notes it.
func (c *run) oversizeOutcome(f *field, st *fieldState, name string) (stop bool) {
	c.oversized(name)
	switch f.spec.Oversize {
	case OversizeMatch:
		st.outcome = taken
	case OversizeNoMatch:
		st.outcome = absent
	default:
		return false
	}
	return true
}

func extractBody(c *run, f *field, st *fieldState) {
	if c.cut && c.oversizeOutcome(f, st, "REQUEST_BODY") {
		return
	}
	if c.body != "" {
		st.parts = append(st.parts, c.body)
	}
}

// inspectable returns the headers within AWS's limits, and whether there were
// more.
func (c *run) inspectable() (hs []Header, more bool) {
	size := 0
	for i, h := range c.r.Headers {
		size += len(h.Name) + len(h.Value)
		if i == maxHeaderCount || size > maxHeaderBytes {
			return c.r.Headers[:i], true
		}
	}
	return c.r.Headers, false
}

func extractHeaders(c *run, f *field, st *fieldState) {
	hs, more := c.inspectable()
	if more && c.oversizeOutcome(f, st, "REQUEST_HEADERS") {
		return
	}
	for i := range hs {
		c.pairOf(f, st, pair{hs[i].Name, hs[i].Value})
	}
}

func extractCookies(c *run, f *field, st *fieldState) {
	cookies := c.cookieList()
	if c.cookiesOver && c.oversizeOutcome(f, st, "REQUEST_COOKIES") {
		return
	}
	for _, k := range cookies {
		c.pairOf(f, st, k)
	}
}

// pairOf adds the halves of a pair that the match pattern and scope pick.
func (c *run) pairOf(f *field, st *fieldState, p pair) {
	if f.picked != nil && f.picks(c, p.name) == (len(f.spec.Excluded) > 0) {
		return
	}
	if f.spec.Scope != ScopeValue {
		st.parts = append(st.parts, p.name)
	}
	if f.spec.Scope != ScopeKey {
		st.parts = append(st.parts, p.value)
	}
}

// picks looks a name up; header names without case, cookie names with it.
func (f *field) picks(c *run, name string) bool {
	if f.spec.Kind == Cookies {
		return f.picked[name]
	}
	c.value = c.value[:0]
	lowered, changed := transform.Lowercase.Append(c.value, name)
	c.value = lowered
	if !changed {
		return f.picked[name]
	}
	return f.picked[view(lowered)]
}

// cookieList splits every Cookie header, up to AWS's limits.
func (c *run) cookieList() []pair {
	if c.parsedCookies {
		return c.cookies
	}
	c.parsedCookies = true
	size := 0
	for i := range c.r.Headers {
		if h := &c.r.Headers[i]; sameName(h.Name, "cookie") {
			size += len(h.Value)
			value := h.Value
			if size > maxHeaderBytes {
				c.cookiesOver = true
				value = value[:max(0, len(value)-(size-maxHeaderBytes))]
			}
			c.splitCookies(value)
		}
	}
	return c.cookies
}

func (c *run) splitCookies(rest string) {
	c.spend(len(rest))
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, ";")
		one = strings.Trim(one, " \t")
		if one == "" {
			continue
		}
		if len(c.cookies) == maxHeaderCount {
			c.cookiesOver = true
			return
		}
		name, value, _ := strings.Cut(one, "=")
		c.cookies = append(c.cookies, pair{name, value})
	}
}

func extractHeaderOrder(c *run, f *field, st *fieldState) {
	hs, more := c.inspectable()
	if more && c.oversizeOutcome(f, st, "REQUEST_HEADER_ORDER") || len(hs) == 0 {
		return
	}
	c.room(maxHeaderBytes + len(hs))
	start := len(c.arena)
	for i := range hs {
		if i > 0 {
			c.arena = append(c.arena, ':')
		}
		var lowered bool
		if c.arena, lowered = transform.Lowercase.Append(c.arena, hs[i].Name); !lowered {
			c.arena = append(c.arena, hs[i].Name...)
		}
	}
	st.parts = append(st.parts, view(c.arena[start:]))
}
