package ec2_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// TestDescribeRegions asks by name and by filters (EC2 API Reference, DescribeRegions).
func TestDescribeRegions(t *testing.T) {
	t.Parallel()
	all := []string{"us-east-1", "eu-west-1", "eu-central-1"}
	srv := garrisontest.Start(t, func(c *server.Config) { c.Regions = all })
	c := ec2.NewFromConfig(srv.Config)
	for _, tt := range []struct {
		name    string
		names   []string
		filters []types.Filter
		want    []string
		code    string
	}{
		{name: "all", want: all},
		{name: "by name", names: []string{"eu-west-1"}, want: []string{"eu-west-1"}},
		{name: "by two names", names: []string{"eu-central-1", "us-east-1"}, want: []string{"us-east-1", "eu-central-1"}},
		{name: "a name that is not served", names: []string{"us-east-1", "eu-west-9"}, code: "InvalidParameterValue"},
		{name: "region-name", filters: []types.Filter{filter("region-name", "us-east-1", "eu-west-1")}, want: []string{"us-east-1", "eu-west-1"}},
		{name: "wildcards", filters: []types.Filter{filter("region-name", "eu-*-1")}, want: []string{"eu-west-1", "eu-central-1"}},
		{name: "one letter", filters: []types.Filter{filter("region-name", "eu-wes?-1")}, want: []string{"eu-west-1"}},
		{name: "a class is no wildcard", filters: []types.Filter{filter("region-name", "[eu]*")}},
		{name: "endpoint", filters: []types.Filter{filter("endpoint", "ec2.eu-west-1.amazonaws.com")}, want: []string{"eu-west-1"}},
		{name: "opt-in-status", filters: []types.Filter{filter("opt-in-status", "opt-in-not-required")}, want: all},
		{name: "opted out", filters: []types.Filter{filter("opt-in-status", "not-opted-in")}},
		{name: "all filters must match", filters: []types.Filter{filter("region-name", "eu-*"), filter("endpoint", "*west*")}, want: []string{"eu-west-1"}},
		{name: "name and filter", names: []string{"us-east-1"}, filters: []types.Filter{filter("region-name", "eu-*")}},
		{name: "unknown filter", filters: []types.Filter{filter("color", "blue")}, code: "InvalidParameterValue"},
		{name: "unknown filter behind one that excludes all", filters: []types.Filter{filter("region-name", "x"), filter("color", "blue")}, code: "InvalidParameterValue"},
	} {
		out, err := c.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{RegionNames: tt.names, Filters: tt.filters})
		if code := garrisontest.ErrorCode(err); code != tt.code {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.code)
		}
		if err == nil && !slices.Equal(names(out.Regions), tt.want) {
			t.Errorf("%s: Regions = %v, want %v", tt.name, names(out.Regions), tt.want)
		}
	}
}

func names(regions []types.Region) []string {
	var out []string
	for _, r := range regions {
		out = append(out, *r.RegionName)
	}
	return out
}

// TestDenialIsEncoded hides the reason of a denial as EC2 does.
func TestDenialIsEncoded(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	_, err := ec2.NewFromConfig(srv.User(t, "eve", "")).DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{})
	if garrisontest.ErrorCode(err) != "UnauthorizedOperation" {
		t.Errorf("DescribeRegions = %v, want UnauthorizedOperation", err)
	}
}
