package iam

import (
	"iter"
	"slices"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// defaultPage is how many items a page has unless MaxItems says otherwise; the
// model bounds MaxItems to 1,000 (IAM API Reference, ListUsers).
const defaultPage = 100

// A pager is one page of a list: what was asked for, and once it is read, where
// the next one begins.
type pager struct {
	list  string
	limit int
	after []byte // nil: from the beginning

	truncated bool
	marker    *string
}

func newPager(list string, marker *string, maxItems *int32) (*pager, error) {
	p := &pager{list: "iam." + list, limit: defaultPage}
	if maxItems != nil {
		p.limit = int(*maxItems)
	}
	if marker == nil {
		return p, nil
	}
	after, err := page.Position(p.list, *marker)
	if err != nil {
		return nil, validation("Invalid Marker.")
	}
	p.after = after
	return p, nil
}

// stop ends the page behind a position if it already holds n items.
func (p *pager) stop(n int, last func() []byte) bool {
	if n < p.limit {
		return false
	}
	token := page.Token(p.list, last())
	p.truncated, p.marker = true, &token
	return true
}

// rowsOf collects a page of the rows that keep takes. place is where a row
// stands in the scan.
func rowsOf[T any](p *pager, rows iter.Seq2[*T, error], keep func(*T) bool, place func(*T) store.Key) ([]*T, error) {
	var out []*T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if !keep(row) {
			continue
		}
		if p.stop(len(out), func() []byte { return place(out[len(out)-1]) }) {
			break
		}
		out = append(out, row)
	}
	return out, nil
}

// namesOf returns a page of names, sorted.
func (p *pager) namesOf(names []string) []string {
	slices.Sort(names)
	if p.after != nil {
		from, found := slices.BinarySearch(names, string(p.after))
		if found {
			from++
		}
		names = names[from:]
	}
	if len(names) > p.limit {
		names = names[:p.limit]
		p.stop(p.limit, func() []byte { return []byte(names[p.limit-1]) })
	}
	return names
}
