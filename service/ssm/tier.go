package ssm

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Quotas of an account in a Region, and sizes in bytes (Systems Manager User
// Guide, "Managing parameter tiers").
const (
	maxStandard      = 10_000
	maxAdvanced      = 100_000
	maxStandardValue = 4096
	maxAdvancedValue = 8192
)

const tierGuide = "For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"

// setTier gives the latest version its tier: as asked, or else by the account's
// setting. What is advanced stays so.
func (s *Service) setTier(tx *store.Tx, c *change, p *parameter) error {
	was := p.Latest.Tier
	wanted := c.in.Tier
	if wanted == "" {
		var err error
		if wanted, err = defaultTier(tx, p.Account); err != nil {
			return err
		}
		if was == types.ParameterTierAdvanced {
			wanted = was
		}
	}
	t, err := tallyOf(tx, p.Account)
	if err != nil {
		return err
	}
	size := len(*c.in.Value)
	if wanted == types.ParameterTierIntelligentTiering {
		wanted = types.ParameterTierStandard
		full := was == "" && t.Standard >= maxStandard
		if size > maxStandardValue || len(p.Rules) > 0 || was == types.ParameterTierAdvanced || full {
			wanted = types.ParameterTierAdvanced
		}
	}
	if was == types.ParameterTierAdvanced && wanted == types.ParameterTierStandard {
		return invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. " +
			"If necessary, you can delete the advanced parameter and recreate it as a standard parameter. " + tierGuide)
	}
	p.Latest.Tier = wanted
	if err := checkSize(wanted, size); err != nil {
		return err
	}
	return t.check(was, wanted)
}

func checkSize(tier types.ParameterTier, size int) error {
	switch {
	case tier == types.ParameterTierStandard && size > maxStandardValue:
		return invalid("Standard tier parameters support a maximum parameter value of %d characters. "+
			"To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. "+tierGuide, maxStandardValue)
	case size > maxAdvancedValue:
		return invalid("Advanced tier parameters support a maximum parameter value of %d characters. "+tierGuide, maxAdvancedValue)
	}
	return nil
}

// check refuses one more parameter of a tier than an account may have.
func (t *tally) check(was, is types.ParameterTier) error {
	if was == is {
		return nil
	}
	over := t.Standard >= maxStandard
	if is == types.ParameterTierAdvanced {
		over = t.Advanced >= maxAdvanced
	}
	if over {
		return &types.ParameterLimitExceeded{
			Message: aws.String("You have exceeded the number of parameters for this Amazon Web Services account. Delete one or more parameters and try again."),
		}
	}
	return nil
}

func tallyOf(tx *store.Tx, account string) (*tally, error) {
	t, err := tallies.Get(tx, account)
	if errors.Is(err, store.ErrNotFound) {
		return &tally{Account: account}, nil
	}
	return t, err
}

// count adds n to the account's number of parameters of p's tier.
func count(tx *store.Tx, p *parameter, n int64) error {
	t, err := tallyOf(tx, p.Account)
	if err != nil {
		return err
	}
	if p.Latest.advanced() {
		t.Advanced += n
	} else {
		t.Standard += n
	}
	return tallies.Put(tx, t)
}
