package secretsmanager

import (
	"context"
	"fmt"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Public is public, for tests.
func Public(document string) bool { return public(document) }

// Words is words, for tests.
func Words(text string) []string { return words(text) }

// Plant stores a secret of n versions as if they had been sealed.
func (s *Service) Plant(ctx context.Context, account, name string, n int) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row := &secret{Account: account, Name: name, Suffix: "AbCdEf", Region: s.region}
		for i := range n {
			row.Versions++
			row.attach(current, fmt.Sprint("version-", i))
			v := &version{Account: account, Name: name, Suffix: row.Suffix, ID: fmt.Sprint("version-", i), Created: tx.Now()}
			if err := versions.Insert(tx, v); err != nil {
				return err
			}
		}
		return secrets.Insert(tx, row)
	})
}

// Rows counts what an account has in the store, gone or not.
func (s *Service) Rows(ctx context.Context, account string) (rows, values int, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		rows, values = 0, 0
		for _, err := range secrets.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			rows++
		}
		for _, err := range versions.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			values++
		}
		return nil
	})
	return rows, values, err
}

// Parse takes a SecretId apart.
func (s *Service) Parse(ctx context.Context, given string) (account, name, suffix string) {
	r := s.parse(ctx, given)
	return r.account, r.name, r.suffix
}
