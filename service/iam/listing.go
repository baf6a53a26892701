package iam

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// defaultItems is a page's length unless the caller says otherwise; the model
// holds MaxItems to at most 1,000.
const defaultItems = 100

// A pager cuts one page from a list whose items have ordered positions.
type pager struct {
	list  string
	left  int
	after string // the position behind which the page begins
	last  string // the position of the last item taken
	more  bool
}

// newPager begins the page that marker asks for, of the list of that name.
func newPager(list string, marker *string, items *int32) (*pager, error) {
	p := &pager{list: list, left: defaultItems}
	if items != nil {
		p.left = int(*items)
	}
	if marker == nil {
		return p, nil
	}
	at, err := page.Position(list, *marker)
	if err != nil {
		return nil, unfit("Invalid Marker.")
	}
	p.after = string(at)
	return p, nil
}

// take counts the item at a position in; false is that the page is full.
func (p *pager) take(position string) bool {
	if p.left == 0 {
		p.more = true
		return false
	}
	p.left--
	p.last = position
	return true
}

// marker is the answer's Marker, nil on the last page.
func (p *pager) marker() *string {
	if !p.more {
		return nil
	}
	return aws.String(page.Token(p.list, []byte(p.last)))
}

// over is the rest of an account's rows by name.
func (p *pager) over(account string) store.Range {
	r := store.Range{Prefix: store.K(account)}
	if p.after != "" {
		r.After = store.K(account, p.after)
	}
	return r
}

// names pages through sorted names.
func (p *pager) names(sorted []string) []string {
	out := []string{}
	for _, name := range sorted {
		if name <= p.after {
			continue
		}
		if !p.take(name) {
			break
		}
		out = append(out, name)
	}
	return out
}
