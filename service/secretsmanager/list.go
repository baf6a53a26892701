package secretsmanager

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxScan bounds the secrets that one page looks at. A filter that few pass may
// so give an empty page with a token, as at AWS.
const maxScan = 5000

// A query is a list of secrets as it was asked for.
type query struct {
	account  string
	index    string // empty: by name
	reverse  bool
	filters  []types.Filter
	deleted  bool // secrets marked for deletion too
	limit    int
	token    *string
	tokenFor string
}

// ListSecrets lists the account's secrets, by the time of their creation unless
// asked otherwise.
func (s *Service) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	index := orderOf(in.SortBy)
	q := &query{
		account: wire.CallFrom(ctx).Account(), index: index, reverse: in.SortOrder == types.SortOrderTypeDesc,
		filters: in.Filters, deleted: aws.ToBool(in.IncludePlannedDeletion), limit: limitOf(in.MaxResults),
		token: in.NextToken, tokenFor: "secretsmanager.ListSecrets " + index + " " + string(in.SortOrder),
	}
	rows, next, err := s.page(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretsOutput{SecretList: make([]types.SecretListEntry, 0, len(rows)), NextToken: next}
	for _, row := range rows {
		out.SecretList = append(out.SecretList, row.entry())
	}
	return out, nil
}

// orderOf is the index that serves an order; none for the order of names.
func orderOf(by types.SortByType) string {
	switch by {
	case types.SortByTypeName:
		return ""
	case types.SortByTypeLastAccessedDate:
		return "accessed"
	case types.SortByTypeLastChangedDate:
		return "changed"
	default:
		return "created"
	}
}

// page reads a page of secrets, and the token of the next.
func (s *Service) page(ctx context.Context, q *query) (rows []*secret, next *string, err error) {
	after, err := position(q.tokenFor, q.token)
	if err != nil {
		return nil, nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		rows, next = nil, nil
		seen := 0
		var last *secret
		for row, err := range q.scan(tx, after) {
			if err != nil {
				return err
			}
			if len(rows) == q.limit || seen == maxScan {
				next = aws.String(page.Token(q.tokenFor, q.positionOf(last)))
				return nil
			}
			seen, last = seen+1, row
			if !row.gone(tx.Now()) && (q.deleted || !row.pending()) && row.matches(q.filters) {
				rows = append(rows, row)
			}
		}
		return nil
	})
	return rows, next, err
}

func (q *query) scan(tx *store.Tx, after store.Key) iter.Seq2[*secret, error] {
	r := store.Range{Prefix: store.K(q.account), Reverse: q.reverse, After: after}
	if q.index == "" {
		return secrets.Scan(tx, r)
	}
	return secrets.ScanIndex(tx, q.index, r)
}

// positionOf is where a row stands in the order.
func (q *query) positionOf(row *secret) store.Key {
	at := row.Created
	switch q.index {
	case "":
		return store.K(row.Account, row.Name)
	case "accessed":
		at = row.Accessed
	case "changed":
		at = row.Changed
	}
	return secrets.IndexAfter(byTime(row.Account, at)[0], row)
}

func (s *secret) entry() types.SecretListEntry {
	return types.SecretListEntry{
		ARN: aws.String(s.arn()), Name: &s.Name, Description: text(s.Description), KmsKeyId: text(s.KMSKeyID),
		Tags: s.tags(), SecretVersionsToStages: s.versionStages(),
		CreatedDate: &s.Created, LastChangedDate: &s.Changed, LastAccessedDate: date(s.Accessed), DeletedDate: date(s.DeletionAt),
		RotationEnabled: s.Rotation.enabled(), RotationLambdaARN: s.Rotation.function(), RotationRules: s.Rotation.rules(),
		LastRotatedDate: s.Rotation.last(), NextRotationDate: s.Rotation.next(),
		PrimaryRegion: s.primaryRegion(),
	}
}
