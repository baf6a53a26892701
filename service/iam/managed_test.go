package iam_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

const byAWS = "arn:aws:iam::aws:policy/"

// listed lists all policies that in asks for, page by page.
func listed(t *testing.T, c *iam.Client, in *iam.ListPoliciesInput) map[string]types.Policy {
	t.Helper()
	out := map[string]types.Policy{}
	p := iam.NewListPoliciesPaginator(c, in)
	for p.HasMorePages() {
		for _, policy := range must[*iam.ListPoliciesOutput](t)(p.NextPage(t.Context())).Policies {
			if _, twice := out[*policy.Arn]; twice {
				t.Errorf("%s is listed twice", *policy.Arn)
			}
			out[*policy.Arn] = policy
		}
	}
	return out
}

// TestEveryManagedPolicy reads every policy that comes with the program as a client
// does, and holds it to what policies are.
func TestEveryManagedPolicy(t *testing.T) {
	_, admin := root(t)
	ctx := t.Context()
	all := listed(t, admin, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: aws.Int32(17)})
	if len(all) < 100 {
		t.Errorf("%d policies, want at least 100", len(all))
	}
	for name, p := range all {
		got := must[*iam.GetPolicyOutput](t)(admin.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &name})).Policy
		if *got.PolicyId != *p.PolicyId || !strings.HasPrefix(*p.PolicyId, "ANPA") || len(*p.PolicyId) != 21 {
			t.Errorf("%s: ids %q and %q", name, *got.PolicyId, *p.PolicyId)
		}
		if want := byAWS + strings.TrimPrefix(*p.Path, "/") + *p.PolicyName; name != want {
			t.Errorf("ARN %s, want %s", name, want)
		}
		if p.UpdateDate.Before(*p.CreateDate) || p.CreateDate.Before(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: made %v, changed %v", name, p.CreateDate, p.UpdateDate)
		}
		v := must[*iam.GetPolicyVersionOutput](t)(admin.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &name, VersionId: p.DefaultVersionId})).PolicyVersion
		document := decoded(t, v.Document)
		if !v.IsDefaultVersion || !v.CreateDate.Equal(*p.UpdateDate) || !json.Valid([]byte(document)) {
			t.Errorf("%s: version %+v", name, v)
		}
		if _, err := engine.Parse(document, engine.IdentityPolicy); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManagedPolicyFilters(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	s.User(t, "ann", "")
	readOnly, audit := byAWS+"ReadOnlyAccess", byAWS+"SecurityAudit"
	ok[*iam.AttachUserPolicyOutput](t)(admin.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &readOnly}))
	ok[*iam.PutUserPermissionsBoundaryOutput](t)(admin.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: &audit}))
	for name, tt := range map[string]struct {
		in   iam.ListPoliciesInput
		want []string
	}{
		"attached":  {iam.ListPoliciesInput{OnlyAttached: true}, []string{readOnly}},
		"as policy": {iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy}, []string{readOnly}},
		"as bound":  {iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, []string{audit}},
		"own":       {iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, nil},
		"below path": {iam.ListPoliciesInput{PathPrefix: aws.String("/job-function/")}, []string{
			byAWS + "job-function/Billing", byAWS + "job-function/DataScientist", byAWS + "job-function/DatabaseAdministrator",
			byAWS + "job-function/NetworkAdministrator", byAWS + "job-function/SupportUser", byAWS + "job-function/SystemAdministrator",
			byAWS + "job-function/ViewOnlyAccess",
		}},
	} {
		got := listed(t, admin, &tt.in)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d policies, want %v", name, len(got), tt.want)
		}
		for _, want := range tt.want {
			if _, there := got[want]; !there {
				t.Errorf("%s: without %s", name, want)
			}
		}
	}
	got := must[*iam.GetPolicyOutput](t)(admin.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &readOnly})).Policy
	if *got.AttachmentCount != 1 || *got.PermissionsBoundaryUsageCount != 0 || aws.ToString(got.Description) == "" {
		t.Errorf("ReadOnlyAccess = %d attachments, %d boundaries, %q", *got.AttachmentCount, *got.PermissionsBoundaryUsageCount, aws.ToString(got.Description))
	}
	others := listed(t, iam.NewFromConfig(s.ConfigFor(other, s.Config.Region)), &iam.ListPoliciesInput{OnlyAttached: true})
	if len(others) != 0 {
		t.Errorf("another account has %v attached, want nothing", others)
	}
}

// TestManagedPolicyHolds shows that the policies are obeyed, and that what is a
// service's own cannot be given to others.
func TestManagedPolicyHolds(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	ann := s.User(t, "ann", "")
	keys := kms.NewFromConfig(ann)
	list := func() error { return only(keys.ListKeys(ctx, &kms.ListKeysInput{})) }
	expect(t, "before", list(), "AccessDeniedException", "")
	ok[*iam.AttachUserPolicyOutput](t)(admin.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String(byAWS + "ReadOnlyAccess")}))
	expect(t, "ReadOnlyAccess reads", list(), "", "")
	expect(t, "ReadOnlyAccess does not write", only(keys.CreateKey(ctx, &kms.CreateKeyInput{})), "AccessDeniedException", "")
	expect(t, "a service's policy", only(admin.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: aws.String("ann"), PolicyArn: aws.String(byAWS + "aws-service-role/AmazonGuardDutyServiceRolePolicy"),
	})), "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
	ok[*iam.CreateServiceLinkedRoleOutput](t)(admin.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("guardduty.amazonaws.com")}))
	attached := must[*iam.ListAttachedRolePoliciesOutput](t)(admin.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("AWSServiceRoleForAmazonGuardDuty")})).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyName != "AmazonGuardDutyServiceRolePolicy" {
		t.Errorf("the service's role has %+v", attached)
	}
	ok[*iam.DeleteServiceLinkedRoleOutput](t)(admin.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForAmazonGuardDuty")}))
	if got := listed(t, admin, &iam.ListPoliciesInput{OnlyAttached: true}); len(got) != 1 {
		t.Errorf("after the role's end %d policies are attached, want ann's one", len(got))
	}
}
