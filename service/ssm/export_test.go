package ssm

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Count returns what an account is counted to have, and how many rows of old
// versions there are.
func (s *Service) Count(ctx context.Context, account string) (standard, advanced, old int64) {
	err := s.db.View(ctx, func(tx *store.Tx) error {
		t, err := tallyOf(tx, account)
		if err != nil {
			return err
		}
		standard, advanced, old = t.Standard, t.Advanced, 0
		for _, err := range versions.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			old++
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return standard, advanced, old
}

// SetTally changes how many parameters an account is said to have.
func (s *Service) SetTally(ctx context.Context, account string, standard, advanced int64) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		return tallies.Put(tx, &tally{Account: account, Standard: standard, Advanced: advanced})
	})
}

// Fill stores parameters by their names, beyond any quota.
func (s *Service) Fill(ctx context.Context, account string, names []string) error {
	return s.db.Append(ctx, func(tx *store.Tx) error {
		for _, name := range names {
			p := &parameter{Account: account, Path: strings.TrimPrefix(name, "/"), Rooted: true, Region: s.region, Oldest: 1, Latest: version{
				Number: 1, Type: types.ParameterTypeString, Tier: types.ParameterTierStandard, Value: []byte("value"), DataType: textType, Modified: tx.Now(),
			}}
			if err := parameters.Add(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}
