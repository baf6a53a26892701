package ec2

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

const optedIn = "opt-in-not-required"

// DescribeRegions lists the Regions that this server serves, by name or by the
// filters endpoint, opt-in-status and region-name.
func (s *Service) DescribeRegions(_ context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	for _, name := range in.RegionNames {
		if !slices.Contains(s.regions, name) {
			return nil, invalid(fmt.Sprintf("Invalid region names specified: %s", name))
		}
	}
	out := &ec2.DescribeRegionsOutput{Regions: []types.Region{}}
	for _, name := range s.regions {
		if len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, name) {
			continue
		}
		endpoint := "ec2." + name + ".amazonaws.com"
		ok, err := matches(in.Filters, map[string]string{
			"region-name": name, "endpoint": endpoint, "opt-in-status": optedIn,
		})
		if err != nil {
			return nil, err
		}
		if ok {
			out.Regions = append(out.Regions, types.Region{
				RegionName: aws.String(name), Endpoint: aws.String(endpoint), OptInStatus: aws.String(optedIn),
			})
		}
	}
	return out, nil
}

// matches applies EC2's filters: all must match, each by one of its values, in
// which * and ? are wildcards.
func matches(filters []types.Filter, have map[string]string) (bool, error) {
	all := true
	for _, f := range filters {
		value, known := have[aws.ToString(f.Name)]
		if !known {
			return false, invalid(fmt.Sprintf("The filter '%s' is invalid", aws.ToString(f.Name)))
		}
		all = all && slices.ContainsFunc(f.Values, func(pattern string) bool { return like(pattern, value) })
	}
	return all, nil
}

// plain leaves path.Match no wildcards but EC2's own: * and ?, and \ before one
// that is meant as it is (EC2 User Guide, "Filtering considerations").
var plain = strings.NewReplacer(`\\`, `\\`, `\[`, `\[`, `[`, `\[`)

func like(pattern, value string) bool {
	ok, err := path.Match(plain.Replace(pattern), value)
	return err == nil && ok
}

func invalid(message string) error {
	return &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: message, Fault: smithy.FaultClient}
}

func (s *Service) onRegions(context.Context, *ec2.DescribeRegionsInput) (authz.Target, error) {
	return authz.Any(), nil
}
