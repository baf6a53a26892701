package wire

import (
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxPairs bounds how many parameters a form may have. EC2's largest requests
// have some thousands.
const maxPairs = 100_000

// A pair is one parameter of a form; its name is a path such as
// "Tags.member.1.Key".
type pair struct{ name, value string }

// A form is a request of the query protocols, sorted by name, so that whatever
// lies below a path is one run of it.
type form []pair

// parseForm reads application/x-www-form-urlencoded. Of parameters that are
// given twice the last counts.
func parseForm(text string) (form, error) {
	var f form
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, "&")
		if part == "" {
			continue
		}
		if len(f) == maxPairs {
			return nil, malformed("Too many parameters")
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, malformed("Invalid URL encoding")
		}
		f = append(f, pair{name, value})
	}
	slices.SortStableFunc(f, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	return f, nil
}

// value returns the parameter of exactly that name.
func (f form) value(name string) (string, bool) {
	i := sort.Search(len(f), func(i int) bool { return f[i].name > name })
	if i == 0 || f[i-1].name != name {
		return "", false
	}
	return f[i-1].value, true
}

// below returns the parameters whose names begin with path and a dot.
func (f form) below(path string) form {
	const afterDot = "/" // the byte after '.'
	from := sort.Search(len(f), func(i int) bool { return f[i].name >= path+"." })
	to := sort.Search(len(f), func(i int) bool { return f[i].name >= path+afterDot })
	return f[from:to]
}

// indexes returns the numbers that follow path and a dot, in order. Numbers may
// be missing: AWS takes what there is.
func (f form) indexes(path string) []int {
	var out []int
	last := ""
	for _, p := range f {
		segment, _, _ := strings.Cut(p.name[len(path)+1:], ".")
		if segment == last {
			continue
		}
		last = segment
		if i, err := strconv.Atoi(segment); err == nil && i >= 0 && strconv.Itoa(i) == segment {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
