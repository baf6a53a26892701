package secretsmanager

import (
	"context"
	"fmt"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

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

// SettleArrivals is one round of the background work for replicas.
func (s *Service) SettleArrivals(ctx context.Context) error {
	_, err := s.settling()(ctx)
	return err
}

// Leftovers counts the values that wait to be sealed.
func (s *Service) Leftovers(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		n = 0
		for _, err := range arrived.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// PlantRotations stores n secrets to be rotated over the next day.
func (s *Service) PlantRotations(ctx context.Context, account string, n int) error {
	const batch = 500
	for from := 0; from < n; from += batch {
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+batch, n); i++ {
				at := tx.Now().Add(time.Minute + day*time.Duration(i)/time.Duration(n))
				row := &secret{
					Account: account, Name: fmt.Sprint("secret-", i), Suffix: "AbCdEf", Region: s.region,
					Rotation: &rotation{Enabled: true, Days: 1, Next: at, Closes: at},
				}
				if err := secrets.Insert(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// NextRotation looks for what is due, as the background work does.
func (s *Service) NextRotation(ctx context.Context) error {
	_, err := s.rotations()(ctx)
	return err
}

// A Plan is a rotation's schedule.
type Plan struct{ rotation }

// NewPlan plans the first rotation by rules.
func NewPlan(in *rules, now time.Time) (*Plan, error) {
	p := &Plan{}
	return p, p.plan(in, now)
}

// Move plans the rotation after one.
func (p *Plan) Move(after time.Time) error { return p.schedule(after) }
