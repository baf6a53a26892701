package eventbridge

import (
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/page"
)

// pageSize is how many rows an answer has at most (EventBridge API Reference: 100).
const pageSize = 100

// A list is what a paged operation is asked for.
type list struct {
	kind  string
	token *string
	limit *int32
}

// collect takes the rows that are asked for. AWS's limits bound how many there are.
func collect[T any](rows iter.Seq2[*T, error], want func(*T) bool) ([]*T, error) {
	var out []*T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if want(row) {
			out = append(out, row)
		}
	}
	return out, nil
}

// cut takes one page of rows that are sorted by their names, and the next one's token.
func cut[T any](l *list, rows []*T, name func(*T) string) ([]*T, *string, error) {
	if aws.ToString(l.token) != "" {
		after, err := page.Position(l.kind, *l.token)
		if err != nil {
			return nil, nil, invalid("Parameter NextToken is not valid.")
		}
		for len(rows) > 0 && name(rows[0]) <= string(after) {
			rows = rows[1:]
		}
	}
	n := pageSize
	if l.limit != nil {
		n = int(*l.limit)
	}
	if len(rows) <= n {
		return rows, nil, nil
	}
	return rows[:n], aws.String(page.Token(l.kind, []byte(name(rows[n-1])))), nil
}
