package account_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

func five(c *server.Config) {
	c.Regions = []string{"us-east-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1"}
}

// TestListRegionsPages lists by pages of each size.
func TestListRegionsPages(t *testing.T) {
	t.Parallel()
	c := account.NewFromConfig(garrisontest.Start(t, five).Config)
	for size := range int32(7) {
		in := &account.ListRegionsInput{}
		if size > 0 {
			in.MaxResults = aws.Int32(size)
		}
		seen := ""
		for p := account.NewListRegionsPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatalf("pages of %d: %v", size, err)
			}
			if size > 0 && len(out.Regions) > int(size) {
				t.Errorf("pages of %d: one of %d", size, len(out.Regions))
			}
			for _, r := range out.Regions {
				seen += *r.RegionName + " "
			}
		}
		if want := "us-east-1 eu-west-1 eu-west-2 eu-west-3 eu-north-1 "; seen != want {
			t.Errorf("pages of %d: %s, want %s", size, seen, want)
		}
	}
}

// TestListRegionsErrors sends tokens that nobody gave out, and sizes out of range.
func TestListRegionsErrors(t *testing.T) {
	t.Parallel()
	c := account.NewFromConfig(garrisontest.Start(t, five).Config)
	for name, in := range map[string]*account.ListRegionsInput{
		"made-up token":   {NextToken: aws.String("abc")},
		"empty token":     {NextToken: aws.String("")},
		"negative place":  {NextToken: aws.String(forged("-1"))},
		"beyond the end":  {NextToken: aws.String(forged("6"))},
		"no number":       {NextToken: aws.String(forged("two"))},
		"no results":      {MaxResults: aws.Int32(0)},
		"too many":        {MaxResults: aws.Int32(51)},
		"unknown status":  {RegionOptStatusContains: []types.RegionOptStatus{"MAYBE"}},
		"malformed owner": {AccountId: aws.String("1")},
	} {
		_, err := c.ListRegions(t.Context(), in)
		if garrisontest.ErrorCode(err) != "ValidationException" {
			t.Errorf("%s: ListRegions = %v, want ValidationException", name, err)
		}
	}
}

// forged is a token with a sum that is right, which anyone who reads the source
// can make.
func forged(at string) string {
	sum := sha256.Sum256([]byte("account.ListRegions\x00" + at))
	return base64.RawURLEncoding.EncodeToString(append(sum[:8:8], at...))
}

// TestOptStatus asks for Regions by their status.
func TestOptStatus(t *testing.T) {
	t.Parallel()
	c := account.NewFromConfig(garrisontest.Start(t, five).Config)
	for status, want := range map[types.RegionOptStatus]int{
		types.RegionOptStatusEnabledByDefault: 5, types.RegionOptStatusDisabled: 0,
	} {
		out, err := c.ListRegions(t.Context(), &account.ListRegionsInput{RegionOptStatusContains: []types.RegionOptStatus{status}})
		if err != nil || len(out.Regions) != want {
			t.Errorf("ListRegions with %s = %+v, %v; want %d", status, out, err, want)
		}
	}
	out, err := c.GetRegionOptStatus(t.Context(), &account.GetRegionOptStatusInput{RegionName: aws.String("eu-west-2")})
	if err != nil || out.RegionOptStatus != types.RegionOptStatusEnabledByDefault {
		t.Errorf("GetRegionOptStatus = %+v, %v", out, err)
	}
	_, err = c.GetRegionOptStatus(t.Context(), &account.GetRegionOptStatusInput{RegionName: aws.String("eu-south-1")})
	if garrisontest.ErrorCode(err) != "ValidationException" {
		t.Errorf("GetRegionOptStatus of what is not served = %v, want ValidationException", err)
	}
}

// TestOtherAccount asks about another account: even root is refused, and so is a
// user of one's own account who holds no permission.
func TestOtherAccount(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"account:ListRegions","Resource":"arn:aws:account::%s:account"}]}`, garrisontest.Account)
	for _, tt := range []struct {
		name   string
		config aws.Config
		owner  string
		want   string
	}{
		{"root of another's", srv.Config, garrisontest.OtherAccount, "AccessDeniedException"},
		{"root of its own, by id", srv.Config, garrisontest.Account, ""},
		{"a user who may", srv.User(t, "ann", policy), garrisontest.Account, ""},
		{"a user who may not", srv.User(t, "eve", ""), garrisontest.Account, "AccessDeniedException"},
	} {
		_, err := account.NewFromConfig(tt.config).ListRegions(t.Context(), &account.ListRegionsInput{AccountId: &tt.owner})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: ListRegions = %v, want %q", tt.name, err, tt.want)
		}
	}
}
