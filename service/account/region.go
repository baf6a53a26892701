package account

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	defaultRegions = 20 // Account Management API Reference, ListRegions, MaxResults
	regionsToken   = "account.ListRegions"
)

// ListRegions lists the Regions that this server serves; all are on by default.
func (s *Service) ListRegions(_ context.Context, in *account.ListRegionsInput) (*account.ListRegionsOutput, error) {
	begin := 0
	if in.NextToken != nil {
		at, err := page.Position(regionsToken, *in.NextToken)
		if err == nil {
			begin, err = strconv.Atoi(string(at))
		}
		if err != nil || begin < 0 || begin > len(s.regions) {
			return nil, invalid("The NextToken is not valid.")
		}
	}
	out := &account.ListRegionsOutput{Regions: []types.Region{}}
	wanted := in.RegionOptStatusContains
	if len(wanted) > 0 && !slices.Contains(wanted, types.RegionOptStatusEnabledByDefault) {
		return out, nil
	}
	limit := defaultRegions
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	end := min(begin+limit, len(s.regions))
	for _, r := range s.regions[begin:end] {
		out.Regions = append(out.Regions, types.Region{RegionName: aws.String(r), RegionOptStatus: types.RegionOptStatusEnabledByDefault})
	}
	if end < len(s.regions) {
		out.NextToken = aws.String(page.Token(regionsToken, []byte(strconv.Itoa(end))))
	}
	return out, nil
}

// GetRegionOptStatus says of one Region whether it is served.
func (s *Service) GetRegionOptStatus(_ context.Context, in *account.GetRegionOptStatusInput) (*account.GetRegionOptStatusOutput, error) {
	if !slices.Contains(s.regions, *in.RegionName) {
		return nil, invalid(fmt.Sprintf("The region %s is not served here.", *in.RegionName))
	}
	return &account.GetRegionOptStatusOutput{RegionName: in.RegionName, RegionOptStatus: types.RegionOptStatusEnabledByDefault}, nil
}

func invalid(message string) error {
	return &types.ValidationException{Message: &message, Reason: types.ValidationExceptionReasonFieldValidationFailed}
}

func (s *Service) onRegions(ctx context.Context, in *account.ListRegionsInput) (authz.Target, error) {
	return s.on(ctx, in.AccountId), nil
}

func (s *Service) onRegion(ctx context.Context, in *account.GetRegionOptStatusInput) (authz.Target, error) {
	return s.on(ctx, in.AccountId), nil
}

// on names the account asked about. Another account's is its own: the caller is
// let in only by that account, which has no way to say so, and is refused.
func (s *Service) on(ctx context.Context, id *string) authz.Target {
	owner := wire.CallFrom(ctx).Account()
	if id != nil {
		owner = *id
	}
	return authz.Target{Resource: arn.New("account", "", owner, "account"), Account: owner}
}
